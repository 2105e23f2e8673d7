#include "plugins/multi_tenant/audit/log.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <deque>
#include <optional>

#include "plugins/multi_tenant/audit/files.hpp"

namespace howdah::multi_tenant {
namespace {

constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kDigits = 20;  // of a 64-bit number
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kHeadBytes = kDigits + 1 + kDigits + 1 + kHashDigits + 1 + kHashDigits + 1;
constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::size_t kLineMax = 16u << 20;  // far above what a record can be

Error broken(const std::string& path, std::string_view what) {
    Error error = Error::refused("the audit log ", path, " is not as it was left: ", what)
                      .withHint(
                          "tenant_audit tells where; keep the folder as evidence, and move it away to go on "
                          "with a new log");
    error.rule = "audit-broken";
    return error;
}

std::string padded(std::uint64_t number) {
    char text[kDigits + 1];
    std::snprintf(text, sizeof text, "%020llu", static_cast<unsigned long long>(number));
    return text;
}

std::uint64_t numberIn(std::string_view digits) {
    std::uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

// Lines of a file up to `end`, one at a time, however long the file is.
class Lines {
public:
    Lines(const File& file, std::uint64_t from, std::uint64_t end) : file_(file), at_(from), end_(end) {}

    // False at the end. What stands behind the last line break is left().
    Result<bool> next(std::string& line) {
        for (;;) {
            if (const std::size_t found = buffer_.find('\n', begin_); found != std::string::npos) {
                line = buffer_.substr(begin_, found - begin_);
                begin_ = found + 1;
                return true;
            }
            buffer_.erase(0, begin_);
            begin_ = 0;
            if (at_ >= end_ || buffer_.size() > kLineMax) return false;
            auto more = file_.read(at_, std::min<std::uint64_t>(kPieceBytes, end_ - at_));
            if (!more) return std::move(more).error();
            if (more->empty()) return false;
            at_ += more->size();
            buffer_ += *more;
        }
    }
    std::size_t left() const { return buffer_.size() - begin_; }

private:
    const File& file_;
    std::uint64_t at_;
    const std::uint64_t end_;
    std::string buffer_;
    std::size_t begin_ = 0;
};

}  // namespace

// One tenant's folder, locked.
struct AuditLog::Place {
    File lock;
    File log;
    File head;
    TenantKeys keys;
};

Result<AuditLog::Place> AuditLog::enter(const std::string& tenant, bool create) const {
    const std::string folder = concat(folder_, "/", tenant);
    if (create) {
        if (auto made = makeFolder(folder); !made) return std::move(made).error();
    }
    auto lock = File::open(folder + "/lock", create);
    if (!lock) return std::move(lock).error();
    if (!*lock) return Error::notFound("tenant ", tenant, " has no audit log yet");
    if (auto locked = (*lock)->lock(); !locked) return std::move(locked).error();
    auto salt_file = File::make(folder + "/salt");
    if (!salt_file) return std::move(salt_file).error();
    auto log = File::make(folder + "/audit.jsonl");
    if (!log) return std::move(log).error();
    auto head = File::make(folder + "/head");
    if (!head) return std::move(head).error();
    auto salt = salt_file->read(0, kSaltBytes + 1);
    if (!salt) return std::move(salt).error();
    if (salt->size() != kSaltBytes) {
        // Made once: a salt that is gone has taken the keys of what there is with it.
        auto written = head->size();
        if (!written) return std::move(written).error();
        if (!salt->empty() || *written > 0)
            return broken(folder, "its salt is gone, and with it the keys of its records");
        salt = randomBytes(kSaltBytes);
        if (!salt) return std::move(salt).error();
        if (auto kept = salt_file->write(0, *salt); !kept) return std::move(kept).error();
        if (auto kept = salt_file->sync(); !kept) return std::move(kept).error();
    }
    auto keys = keys_.of(tenant, *salt);
    if (!keys) return std::move(keys).error();
    Place place{std::move(**lock), std::move(*log), std::move(*head), std::move(*keys)};
    // A mark before the first record, so that one that is missing later is missed.
    auto marked = place.head.size(), written = place.log.size();
    if (!marked) return std::move(marked).error();
    if (!written) return std::move(written).error();
    if (*marked == 0 && *written == 0) {
        if (auto made = writeHead(place, tenant, {beginningOf(tenant), 0}); !made) return std::move(made).error();
    }
    return place;
}

// "SEQ SIZE HASH MAC": the last record acknowledged, the length of the file then, its hash.
Result<AuditLog::End> AuditLog::readHead(const Place& place, const std::string& tenant) {
    auto text = place.head.read(0, kHeadBytes + 1);
    if (!text) return std::move(text).error();
    if (text->size() != kHeadBytes)
        return broken(place.head.path(), "the mark of its end is gone, or of another length");
    const std::string_view all = *text;
    const std::size_t mac_at = kHeadBytes - 1 - kHashDigits;
    const std::string_view said = all.substr(0, mac_at - 1);
    for (const TenantKey& key : place.keys) {
        if (!sameText(hmacHex(key.head, concat(tenant, "\n", said)), all.substr(mac_at, kHashDigits))) continue;
        return End{{numberIn(all.substr(0, kDigits)), std::string(all.substr(2 * (kDigits + 1), kHashDigits))},
                   numberIn(all.substr(kDigits + 1, kDigits))};
    }
    return broken(place.head.path(), "the mark of its end was not made with a key of the key file");
}

Result<void> AuditLog::writeHead(const Place& place, const std::string& tenant, const End& end) const {
    const std::string said = concat(padded(end.link.seq), " ", padded(end.size), " ", end.link.hash);
    const std::string mac = hmacHex(place.keys.front().head, concat(tenant, "\n", said));
    if (auto written = place.head.write(0, concat(said, " ", mac, "\n")); !written) return written;
    return sync_ ? place.head.sync() : Result<void>{};
}

// Where the next record goes.
Result<AuditLog::End> AuditLog::findEnd(const Place& place, const std::string& tenant) const {
    auto end = readHead(place, tenant);
    if (!end) return end;
    auto size = place.log.size();
    if (!size) return std::move(size).error();
    if (*size == 0) {
        end->size = 0;  // the first record, or the first after the file was moved away
        return end;
    }
    if (*size < end->size) return broken(place.log.path(), "records are missing at its end");
    Lines lines(place.log, end->size, *size);
    std::string text, body;
    for (;;) {
        auto more = lines.next(text);
        if (!more) return std::move(more).error();
        if (!*more) break;
        const auto record = Record::parse(text);
        if (!record || !objectionTo(*record, end->link, tenant, place.keys, body).empty())
            return broken(place.log.path(), concat("what stands behind record ", end->link.seq, " does not follow it"));
        end->link = {record->seq, std::string(record->hash)};
        end->size += text.size() + 1;
    }
    if (lines.left() == 0) return end;
    if (auto cut = place.log.cut(end->size); !cut) return std::move(cut).error();
    return end;
}

Result<void> AuditLog::append(const std::string& tenant, const std::vector<Entry>& entries) const {
    auto place = enter(tenant, true);
    if (!place) return std::move(place).error();
    auto end = findEnd(*place, tenant);
    if (!end) return std::move(end).error();
    if (end->size == 0) {  // a new file: a crash must not leave the length of the one before it
        if (auto marked = writeHead(*place, tenant, *end); !marked) return marked;
    }
    std::string bytes;
    Link link = end->link;
    for (const Entry& entry : entries) {
        auto line = makeLine(link, tenant, place->keys.front(), entry.at, entry.body);
        if (!line) return std::move(line).error();
        bytes += line->text + '\n';
        link = std::move(line->link);
    }
    if (end->size + bytes.size() > bytes_max_) {
        Error full = Error::refused("the audit log of this tenant has reached its limit of ", bytes_max_, " bytes")
                         .withHint("the operator can move its audit.jsonl away; the chain goes on in a new file");
        full.rule = "audit-full";
        return full;
    }
    if (auto written = place->log.write(end->size, bytes); !written) {
        // What is half written is cut off by whoever comes next; trying now makes room where the disk is full.
        if (auto cut = place->log.cut(end->size); !cut) return cut;
        return written;
    }
    if (sync_) {
        if (auto kept = place->log.sync(); !kept) return kept;
    }
    return writeHead(*place, tenant, {std::move(link), end->size + bytes.size()});
}

Result<Verified> AuditLog::verify(const std::string& tenant, std::size_t newest) const {
    std::optional<End> head;
    std::optional<File> log;
    TenantKeys keys;
    std::uint64_t size = 0;
    {
        auto place = enter(tenant, false);
        if (!place) return std::move(place).error();
        auto marked = readHead(*place, tenant);
        if (!marked) return std::move(marked).error();
        auto length = place->log.size();
        if (!length) return std::move(length).error();
        head = std::move(*marked);
        size = *length;
        log = std::move(place->log);
        keys = std::move(place->keys);
    }  // unlocked: records that come meanwhile stand behind `size`

    Verified found;
    Link link = beginningOf(tenant);
    std::deque<nlohmann::json> last;
    Lines lines(*log, 0, size);
    std::string text, body;
    bool marked_seen = size == 0 || head->size == 0;
    for (std::uint64_t number = 1;; ++number) {
        auto more = lines.next(text);
        if (!more) return std::move(more).error();
        if (!*more) break;
        const auto record = Record::parse(text);
        // A file may begin where the one before it, which was moved away, ended.
        if (record && number == 1 && record->seq > 1) link = {record->seq - 1, std::string(record->prev)};
        std::string objection = record ? objectionTo(*record, link, tenant, keys, body) : "it is no record";
        if (!objection.empty()) {
            found.problem = concat("line ", number, ": ", objection);
            found.broken_record = link.seq + 1;
            break;
        }
        link = {record->seq, std::string(record->hash)};
        if (found.first == 0) found.first = link.seq;
        marked_seen = marked_seen || (link.seq == head->link.seq && link.hash == head->link.hash);
        if (newest == 0) continue;
        auto opened = nlohmann::json::parse(body, nullptr, false);
        if (opened.is_object()) opened.update({{"seq", record->seq}, {"at", std::string(record->at)}});
        last.push_back(std::move(opened));
        if (last.size() > newest) last.pop_front();
    }
    if (found.first > 0) found.last = link.seq;
    found.last_hash = size == 0 ? head->link.hash : link.hash;
    if (found.problem.empty() && !marked_seen) {
        found.broken_record = link.seq + 1;
        found.problem = concat("records ", link.seq + 1, " to ", head->link.seq, " are gone from its end");
    }
    found.newest.assign(last.begin(), last.end());
    return found;
}

}  // namespace howdah::multi_tenant
