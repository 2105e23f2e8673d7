#include "kernel/protocol/shared_texts.hpp"

#include <charconv>

#include "kernel/base/random_id.hpp"

namespace howdah::kernel {
namespace {

// The first piece stands at the key and tells, before the text, how many there are and under which name the others do:
// "<pieces>:<name>:". Each put() takes a new name, so that pieces of two texts are never read as one.
constexpr char kEnds = ':';
constexpr std::size_t kNameBytes = 32;

std::string keyOfPiece(const std::string& key, std::string_view name, std::size_t piece) {
    return piece == 0 ? key : concat(key, '/', name, '/', piece);
}

// Takes it off; false when it is none.
bool takeHead(std::string& part, std::size_t& pieces, std::string& name) {
    const char* const end = part.data() + part.size();
    const auto read = std::from_chars(part.data(), end, pieces);
    if (read.ec != std::errc() || pieces == 0 || pieces > SharedTexts::kPiecesMax) return false;
    const auto count_ends = static_cast<std::size_t>(read.ptr - part.data());
    const std::size_t name_ends = part.find(kEnds, count_ends + 1);
    if (name_ends == std::string::npos || part[count_ends] != kEnds) return false;
    name = part.substr(count_ends + 1, name_ends - count_ends - 1);
    part.erase(0, name_ends + 1);
    return true;
}

Error notOurs() {
    return Error::unavailable("what the shared kv holds was not written by an instance with these seal_keys");
}

}  // namespace

Result<std::string> SharedTexts::seal(std::string_view key, std::string_view text,
                                      std::chrono::milliseconds life) const {
    return sealer_.seal(text, Sealer::bindingOf({"shared", key}), Sealer::Clock::now() + life);
}

Result<std::string> SharedTexts::open(std::string_view key, std::string_view sealed) const {
    auto text = sealer_.open(sealed, Sealer::bindingOf({"shared", key}), Sealer::Clock::now());
    if (!text) return notOurs();
    return text;
}

// The first piece, which says how many there are, is written last: who finds it finds all.
Result<void> SharedTexts::put(const std::string& key, std::string_view text, std::chrono::milliseconds ttl) const {
    if (text.size() > kTextMax)
        return Error::invalidArgument("instances share texts of at most ", kTextMax, " bytes, got ", text.size());
    const std::size_t pieces = text.empty() ? 1 : (text.size() + kPieceBytes - 1) / kPieceBytes;
    const std::string name = pieces == 1 ? std::string() : randomId().substr(0, kNameBytes);
    if (pieces > 1 && name.empty()) return Error::unavailable("the system gives no random bytes to name a text with");
    for (std::size_t piece = pieces; piece-- > 0;) {
        std::string part(text.substr(piece * kPieceBytes, kPieceBytes));
        if (piece == 0) part.insert(0, concat(pieces, kEnds, name, kEnds));
        const std::string its_key = keyOfPiece(key, name, piece);
        auto sealed = seal(its_key, part, ttl);
        if (!sealed) return std::move(sealed).error();
        if (auto done = kv_.set(its_key, *sealed, ttl); !done) return done;
    }
    return {};
}

Result<bool> SharedTexts::putIfAbsent(const std::string& key, std::string_view text,
                                      std::chrono::milliseconds ttl) const {
    auto sealed = seal(key, concat(1, kEnds, kEnds, text), ttl);
    if (!sealed) return std::move(sealed).error();
    return kv_.setIfAbsent(key, *sealed, ttl);
}

Result<std::optional<std::string>> SharedTexts::get(const std::string& key) const {
    std::string text;
    std::string name;
    std::size_t pieces = 1;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
        const std::string its_key = keyOfPiece(key, name, piece);
        auto sealed = kv_.get(its_key);
        if (!sealed) return std::move(sealed).error();
        if (!*sealed && piece == 0) return std::optional<std::string>();
        if (!*sealed) return Error::unavailable("a text that instances share is no longer whole");
        auto part = open(its_key, **sealed);
        if (!part) return std::move(part).error();
        if (piece == 0 && !takeHead(*part, pieces, name)) return notOurs();
        text += *part;
    }
    return std::optional(std::move(text));
}

}  // namespace howdah::kernel
