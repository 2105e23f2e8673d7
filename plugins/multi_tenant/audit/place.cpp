#include "plugins/multi_tenant/audit/place.hpp"

#include <charconv>
#include <cstdio>
#include <filesystem>

namespace howdah::multi_tenant {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kDigits = 20;  // of a 64-bit number
constexpr std::size_t kHeadBytes = 3 * (kDigits + 1) + 2 * (kHashDigits + 1);
constexpr std::size_t kMarkBytes = 2 * (kDigits + 1) + kHashDigits + 1;

std::string padded(std::uint64_t number) {
    char text[kDigits + 1];
    std::snprintf(text, sizeof text, "%020llu", static_cast<unsigned long long>(number));
    return text;
}

// Of the n-th of the numbers that stand before all else.
std::uint64_t numberIn(std::string_view text, std::size_t n) {
    std::uint64_t number = 0;
    const std::string_view digits = text.substr(n * (kDigits + 1), kDigits);
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

// "SAID MAC\n", where the MAC is of the tenant and what is said.
std::string sealedWith(const Key& key, std::string_view tenant, std::string_view said) {
    return concat(said, " ", hmacHex(key, concat(tenant, "\n", said)), "\n");
}
bool isSealedWith(const Key& key, std::string_view tenant, std::string_view text) {
    const std::string_view said = text.substr(0, text.size() - kHashDigits - 2);
    return sameText(sealedWith(key, tenant, said), text);
}

// The last line of a file, without its line break; "" where there is none.
Result<std::string> lastLineOf(const File& file) {
    auto size = file.size();
    if (!size) return std::move(size).error();
    for (std::uint64_t bytes = 1u << 16;; bytes *= 4) {
        const std::uint64_t from = *size > bytes ? *size - bytes : 0;
        auto tail = file.read(from, static_cast<std::size_t>(*size - from));
        if (!tail) return tail;
        if (tail->empty() || tail->back() != '\n') return std::string{};
        tail->pop_back();
        if (const std::size_t before = tail->rfind('\n'); before != std::string::npos) return tail->substr(before + 1);
        if (from == 0) return tail;
        if (bytes > kLineBytesMax) return std::string{};
    }
}

}  // namespace

Error brokenLog(std::string_view path, std::string_view what) {
    Error error = Error::refused("the audit log ", path, " is not as it was left: ", what)
                      .withHint(
                          "tenant_audit tells where; keep the folder as evidence, and move it and the .mark beside it "
                          "away to go on with a new log");
    error.rule = "audit-broken";
    return error;
}

std::string LogPlace::gone() const {
    return concat("no log where one was: records 1 to ", mark_.seq, " were written");
}

Result<LogPlace> LogPlace::toWrite(const std::string& folder, const std::string& tenant, const KeyRing& ring,
                                   std::chrono::milliseconds lock_patience) {
    auto place = marked(folder, tenant, ring, lock_patience);
    if (!place) return place;
    if (auto begun = place->begin(ring); !begun) return std::move(begun).error();
    return place;
}

Result<LogPlace> LogPlace::toCount(const std::string& folder, const std::string& tenant, const KeyRing& ring,
                                   std::chrono::milliseconds lock_patience) {
    auto place = marked(folder, tenant, ring, lock_patience);
    if (place && !place->marked_) return brokenLog(place->folder_, "the mark beside it is gone");
    return place;
}

// With the mark locked and read.
Result<LogPlace> LogPlace::marked(const std::string& folder, const std::string& tenant, const KeyRing& ring,
                                  std::chrono::milliseconds lock_patience) {
    if (auto made = makeFolder(folder); !made) return std::move(made).error();
    LogPlace place(concat(folder, "/", tenant), tenant);
    auto mark = File::make(place.folder_ + ".mark");
    if (!mark) return std::move(mark).error();
    place.mark_file_ = std::move(*mark);
    if (auto locked = place.mark_file_->lock(false, lock_patience); !locked) return std::move(locked).error();
    if (auto read = place.readMark(ring); !read) return std::move(read).error();
    return place;
}

Result<std::optional<LogPlace>> LogPlace::toRead(const std::string& folder, const std::string& tenant,
                                                 const KeyRing& ring) {
    LogPlace place(concat(folder, "/", tenant), tenant);
    auto mark = File::openToRead(place.folder_ + ".mark");
    if (!mark) return std::move(mark).error();
    std::error_code ignored;  // what cannot be looked at is not there
    if (!*mark && !fs::exists(place.folder_, ignored)) return std::optional<LogPlace>{};
    if (!*mark) return brokenLog(place.folder_, "the mark beside it is gone");
    place.mark_file_ = std::move(*mark);
    if (auto locked = place.mark_file_->lock(true); !locked) return std::move(locked).error();
    if (auto read = place.readMark(ring); !read) return std::move(read).error();
    auto head = File::openToRead(place.folder_ + "/head");
    if (!head) return std::move(head).error();
    if (!*head) {
        if (place.mark_.seq == 0) return std::optional<LogPlace>{};  // begun, and nothing written yet
        place.missing_ = place.gone();
        return std::optional<LogPlace>{std::move(place)};
    }
    place.head_ = std::move(*head);
    if (auto keys = place.openKeys(ring); !keys) return std::move(keys).error();
    auto log = File::openToRead(place.folder_ + "/audit.jsonl");
    if (!log) return std::move(log).error();
    place.log_ = std::move(*log);
    if (!place.marked_) {
        if (auto whole = place.requireNothingWritten(); !whole) return std::move(whole).error();
    }
    return std::optional<LogPlace>{std::move(place)};
}

Result<void> LogPlace::readMark(const KeyRing& ring) {
    auto keys = ring.marksOf(tenant_);
    if (!keys) return std::move(keys).error();
    mark_keys_ = std::move(*keys);
    auto text = mark_file_->read(0, kMarkBytes + 1);
    if (!text) return std::move(text).error();
    if (text->empty()) return {};
    marked_ = true;
    if (text->size() == kMarkBytes) {
        for (const Key& key : mark_keys_) {
            if (!isSealedWith(key, tenant_, *text)) continue;
            mark_ = {numberIn(*text, 0), numberIn(*text, 1)};
            return {};
        }
    }
    return brokenLog(mark_file_->path(), "it was not made with a key of the key file, or is of another length");
}

Result<void> LogPlace::writeMark(const Mark& mark) {
    const std::string said = concat(padded(mark.seq), " ", padded(mark.lost));
    if (auto written = mark_file_->write(0, sealedWith(mark_keys_.front(), tenant_, said)); !written) return written;
    mark_ = mark;
    return {};
}

// Opens what is there. The salt, the head and the mark are made in this order: whatever a crash leaves of them says
// that no record was written yet.
Result<void> LogPlace::begin(const KeyRing& ring) {
    auto head = File::open(folder_ + "/head", false);
    if (!head) return std::move(head).error();
    if (!*head && mark_.seq > 0) return brokenLog(folder_, gone());
    if (auto made = makeFolder(folder_); !made) return made;
    if (!*head) {
        auto salt = File::make(folder_ + "/salt");
        if (!salt) return std::move(salt).error();
        auto size = salt->size();
        if (!size) return std::move(size).error();
        if (*size != kSaltBytes) {
            auto random = randomBytes(kSaltBytes);
            if (!random) return std::move(random).error();
            if (auto kept = salt->write(0, *random); !kept) return kept;
            if (auto kept = salt->sync(); !kept) return kept;
        }
        auto made = File::make(folder_ + "/head");
        if (!made) return std::move(made).error();
        *head = std::move(*made);
    }
    head_ = std::move(*head);
    if (auto keys = openKeys(ring); !keys) return keys;
    auto log = File::open(folder_ + "/audit.jsonl", false);
    if (!log) return std::move(log).error();
    log_ = std::move(*log);
    auto said = head_->size();
    if (!said) return std::move(said).error();
    if (*said == 0 && mark_.seq == 0) {
        if (auto begun = writeHead({beginningOf(tenant_)}, true); !begun) return begun;
    }
    if (marked_) return {};
    if (auto whole = requireNothingWritten(); !whole) return whole;
    return writeMark({});
}

// Of a log without its mark.
Result<void> LogPlace::requireNothingWritten() const {
    auto said = head();
    if (!said) return std::move(said).error();
    return said->link.seq == 0 ? Result<void>{} : brokenLog(folder_, "the mark beside it is gone");
}

Result<void> LogPlace::openKeys(const KeyRing& ring) {
    auto salt_file = File::openToRead(folder_ + "/salt");
    if (!salt_file) return std::move(salt_file).error();
    auto salt = *salt_file ? (*salt_file)->read(0, kSaltBytes + 1) : Result<std::string>(std::string{});
    if (!salt) return std::move(salt).error();
    // Made once: a salt that is gone has taken the keys of what there is with it.
    if (salt->size() != kSaltBytes) return brokenLog(folder_, "its salt is gone, and with it the keys of its records");
    auto keys = ring.of(tenant_, *salt);
    if (!keys) return std::move(keys).error();
    keys_ = std::move(*keys);
    return {};
}

Result<void> LogPlace::makeLog() {
    if (log_) return {};
    auto log = File::make(folder_ + "/audit.jsonl");
    if (!log) return std::move(log).error();
    log_ = std::move(*log);
    return {};
}

// "SEQ SIZE FIRST HASH MAC".
Result<Head> LogPlace::head() const {
    auto text = head_->read(0, kHeadBytes + 1);
    if (!text) return std::move(text).error();
    if (text->size() != kHeadBytes)
        return brokenLog(head_->path(), "the mark of its end is gone, or of another length");
    for (const TenantKey& key : keys_) {
        if (!isSealedWith(key.head, tenant_, *text)) continue;
        return Head{
            {numberIn(*text, 0), text->substr(3 * (kDigits + 1), kHashDigits)}, numberIn(*text, 2), numberIn(*text, 1)};
    }
    return brokenLog(head_->path(), "the mark of its end was not made with a key of the key file");
}

Result<void> LogPlace::writeHead(const Head& head, bool sync) const {
    const std::string said =
        concat(padded(head.link.seq), " ", padded(head.size), " ", padded(head.first), " ", head.link.hash);
    if (auto written = head_->write(0, sealedWith(keys_.front().head, tenant_, said)); !written) return written;
    return sync ? head_->sync() : Result<void>{};
}

Result<bool> LogPlace::isMovedAway(const Head& head) const {
    std::error_code failed;
    for (fs::directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
        const std::string name = at->path().filename().string();
        if (!name.starts_with("audit.") || name == "audit.jsonl") continue;
        auto file = File::openToRead(at->path().string());
        if (!file) return std::move(file).error();
        if (!*file) continue;
        auto line = lastLineOf(**file);
        if (!line) return std::move(line).error();
        const auto record = Record::parse(*line);
        if (record && record->seq == head.link.seq && sha256Hex(record->hashed) == head.link.hash) return true;
    }
    if (failed) return Error::unavailable("cannot read the folder ", folder_, ": ", failed.message());
    return false;
}

}  // namespace howdah::multi_tenant
