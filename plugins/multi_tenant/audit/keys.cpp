#include "plugins/multi_tenant/audit/keys.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/crypto.h>

#include "plugins/multi_tenant/audit/files.hpp"

namespace howdah::multi_tenant {
namespace {

constexpr std::size_t kFileMax = 64 * 1024;
constexpr std::size_t kIdMax = 32;
constexpr const char* kHow = "a key is a line of an id and 64 hex digits: echo \"k1 $(openssl rand -hex 32)\"";

bool isKeyId(std::string_view id) {
    return !id.empty() && id.size() <= kIdMax && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

}  // namespace

Result<KeyRing> KeyRing::read(const std::string& path) {
    auto opened = File::openToRead(path);
    if (!opened) return std::move(opened).error();
    if (!*opened) return Error::notFound("there is no key file ", path, "; ", kHow);
    const File& file = **opened;
    if (auto secret = file.requireSecret(); !secret) {
        Error error = std::move(secret).error();
        error.message = concat("the key file ", error.message);
        return error;
    }
    auto text = file.read(0, kFileMax + 1);
    if (!text) return std::move(text).error();
    if (text->size() > kFileMax) return Error::invalidArgument(path, " is longer than ", kFileMax, " bytes");
    auto ring = parse(*text, path);
    OPENSSL_cleanse(text->data(), text->size());
    return ring;
}

Result<KeyRing> KeyRing::parse(std::string_view text, std::string_view path) {
    KeyRing ring;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        line = line.substr(0, line.find('#'));
        while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t'))
            line.remove_suffix(1);
        if (line.empty()) continue;
        const std::size_t space = line.find(' ');
        Master master{std::string(line.substr(0, space)), {}};
        auto bytes = fromHex(space == std::string_view::npos ? std::string_view{} : line.substr(space + 1));
        if (!isKeyId(master.id) || !bytes || bytes->size() != Key::kBytes)
            return Error::invalidArgument(path, ":", number, ": ", kHow);
        if (std::ranges::find(ring.masters_, master.id, &Master::id) != ring.masters_.end())
            return Error::invalidArgument(path, ":", number, ": the id ", master.id, " is taken by a line above");
        std::memcpy(master.key.data(), bytes->data(), Key::kBytes);
        OPENSSL_cleanse(bytes->data(), bytes->size());
        ring.masters_.push_back(std::move(master));
    }
    if (ring.masters_.empty()) return Error::invalidArgument(path, " holds no key; ", kHow);
    return ring;
}

Result<TenantKeys> KeyRing::of(std::string_view tenant, std::string_view salt) const {
    TenantKeys keys;
    for (const Master& master : masters_) {
        auto body = derivedKey(master.key, salt, concat("howdah multi_tenant audit body\n", tenant));
        if (!body) return std::move(body).error();
        auto head = derivedKey(master.key, salt, concat("howdah multi_tenant audit head\n", tenant));
        if (!head) return std::move(head).error();
        keys.push_back({master.id, *body, *head});
    }
    return keys;
}

Result<std::vector<Key>> KeyRing::marksOf(std::string_view tenant) const {
    std::vector<Key> keys;
    for (const Master& master : masters_) {
        auto mark = derivedKey(master.key, "mark", concat("howdah multi_tenant audit mark\n", tenant));
        if (!mark) return std::move(mark).error();
        keys.push_back(*mark);
    }
    return keys;
}

}  // namespace howdah::multi_tenant
