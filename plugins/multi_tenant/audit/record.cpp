#include "plugins/multi_tenant/audit/record.hpp"

#include <charconv>

#include <howdah/content.hpp>
#include <howdah/hex.hpp>

namespace howdah::multi_tenant {
namespace {

constexpr std::size_t kNonceDigits = kNonceBytes * 2;

// Reads a text of known pieces from left to right.
class Pieces {
public:
    explicit Pieces(std::string_view text) : text_(text), left_(text) {}

    bool literal(std::string_view piece) {
        if (!left_.starts_with(piece)) return sound_ = false;
        left_.remove_prefix(piece.size());
        return true;
    }
    std::string_view until(char end) {
        const std::string_view piece = left_.substr(0, left_.find(end));
        left_.remove_prefix(piece.size());
        return piece;
    }
    std::string_view before() const { return text_.substr(0, text_.size() - left_.size()); }
    bool sound() const { return sound_; }
    bool atEnd() const { return left_.empty(); }

private:
    std::string_view text_;
    std::string_view left_;
    bool sound_ = true;
};

std::string boundTo(std::string_view tenant, std::string_view head) {
    return concat(tenant, "\n", head);
}

}  // namespace

Link beginningOf(std::string_view tenant) {
    return {0, sha256Hex(concat("howdah multi_tenant audit\n", tenant))};
}

Result<Line> makeLine(const Link& before, std::string_view tenant, const TenantKey& key, std::string_view at,
                      std::string_view body) {
    auto nonce = randomBytes(kNonceBytes);
    if (!nonce) return std::move(nonce).error();
    Line line;
    line.link.seq = before.seq + 1;
    line.text = concat(R"({"seq":)", line.link.seq, R"(,"at":")", at, R"(","prev":")", before.hash, R"(","key":")",
                       key.id, R"(","nonce":")", toHex(*nonce), '"');
    auto sealed = seal(key.body, *nonce, body, boundTo(tenant, line.text));
    if (!sealed) return std::move(sealed).error();
    line.text += concat(R"(,"body":")", toBase64(*sealed), '"');
    line.link.hash = sha256Hex(line.text);
    line.text += concat(R"(,"hash":")", line.link.hash, R"("})");
    return line;
}

std::optional<Record> Record::parse(std::string_view line) {
    Record record;
    Pieces pieces(line);
    pieces.literal(R"({"seq":)");
    const std::string_view digits = pieces.until(',');
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), record.seq);
    if (digits.empty() || digits.front() == '0' || read.ec != std::errc{} || read.ptr != digits.data() + digits.size())
        return std::nullopt;
    pieces.literal(R"(,"at":")");
    record.at = pieces.until('"');
    pieces.literal(R"(","prev":")");
    record.prev = pieces.until('"');
    pieces.literal(R"(","key":")");
    record.key = pieces.until('"');
    pieces.literal(R"(","nonce":")");
    record.nonce = pieces.until('"');
    pieces.literal("\"");
    record.bound = pieces.before();
    pieces.literal(R"(,"body":")");
    record.body = pieces.until('"');
    pieces.literal("\"");
    record.hashed = pieces.before();
    pieces.literal(R"(,"hash":")");
    record.hash = pieces.until('"');
    pieces.literal("\"}");
    if (!pieces.sound() || !pieces.atEnd()) return std::nullopt;
    if (record.prev.size() != kHashDigits || record.hash.size() != kHashDigits || record.nonce.size() != kNonceDigits)
        return std::nullopt;
    return record;
}

std::string objectionTo(const Record& record, const Link& before, std::string_view tenant, const TenantKeys& keys,
                        std::string& body) {
    if (record.seq != before.seq + 1)
        return concat("it says that it is record ", record.seq, ", and record ", before.seq + 1, " should follow");
    if (record.prev != before.hash)
        return "it does not follow the record before it: one was changed, removed or put in";
    if (record.hash != sha256Hex(record.hashed)) return "its hash is not that of its bytes: it was changed";
    const TenantKey* key = nullptr;
    for (const TenantKey& known : keys)
        if (known.id == record.key) key = &known;
    if (!key) return concat("its key ", record.key, " is not in the key file");
    const auto nonce = fromHex(record.nonce);
    const auto sealed = fromBase64(record.body);
    const auto opened =
        nonce && sealed ? unseal(key->body, *nonce, *sealed, boundTo(tenant, record.bound)) : std::nullopt;
    if (!opened) return "it was not sealed with this tenant's key: it is forged, or another tenant's";
    body = *opened;
    return {};
}

}  // namespace howdah::multi_tenant
