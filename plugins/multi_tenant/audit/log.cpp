#include "plugins/multi_tenant/audit/log.hpp"

#include <algorithm>
#include <deque>

namespace howdah::multi_tenant {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20;

std::string goneFrom(const Head& head) {
    return concat("no log where one was: records ", head.first, " to ", head.link.seq,
                  " are gone, and no file audit.* beside it ends with them");
}

std::string olderThan(const Mark& mark, const Head& head) {
    return concat("an older log was put back: ", mark.seq, " records were written, and it ends with ", head.link.seq);
}

Result<std::uint64_t> sizeOf(const LogPlace& place) {
    return place.log() ? place.log()->size() : Result<std::uint64_t>(std::uint64_t{0});
}

// Lines of a file up to `end`, one at a time, however long the file is.
class Lines {
public:
    Lines(const File& file, std::uint64_t from, std::uint64_t end) : file_(file), at_(from), end_(end) {}

    // False at the end. What stands behind the last line break is left(). invalid_argument: no line of ours is so long.
    Result<bool> next(std::string& line) {
        for (;;) {
            if (const std::size_t found = buffer_.find('\n', begin_); found != std::string::npos) {
                line = buffer_.substr(begin_, found - begin_);
                begin_ = found + 1;
                return true;
            }
            buffer_.erase(0, begin_);
            begin_ = 0;
            if (buffer_.size() > kLineBytesMax) return Error::invalidArgument("longer than a record can be");
            if (at_ >= end_) return false;
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

// Where the next record goes.
Result<Head> AuditLog::findEnd(const LogPlace& place) const {
    auto head = place.head();
    if (!head) return head;
    if (head->link.seq < place.mark().seq) return brokenLog(place.folder(), olderThan(place.mark(), *head));
    auto size = sizeOf(place);
    if (!size) return std::move(size).error();
    if (*size == 0) {
        if (head->size > 0) {
            auto moved = place.isMovedAway(*head);
            if (!moved) return std::move(moved).error();
            if (!*moved) return brokenLog(place.folder(), goneFrom(*head));
        }
        head->first = head->link.seq + 1;
        head->size = 0;
        return head;
    }
    const File& log = *place.log();
    if (*size < head->size) return brokenLog(log.path(), "records are missing at its end");
    Lines lines(log, head->size, *size);
    std::string text, body;
    for (;;) {
        auto more = lines.next(text);
        if (!more && more.error().code != Code::invalid_argument) return std::move(more).error();
        if (more && !*more) break;
        const auto record = more ? Record::parse(text) : std::nullopt;
        if (!record || !objectionTo(*record, head->link, place.tenant(), place.keys(), body).empty())
            return brokenLog(log.path(), concat("what stands behind record ", head->link.seq, " does not follow it"));
        head->link = {record->seq, std::string(record->hash)};
        head->size += text.size() + 1;
    }
    if (lines.left() == 0) return head;
    if (auto cut = log.cut(head->size); !cut) return std::move(cut).error();
    return head;
}

Result<AuditLog::Readiness> AuditLog::ready(const std::string& tenant, std::chrono::milliseconds lock_patience) const {
    auto place = LogPlace::toWrite(folder_, tenant, keys_, lock_patience);
    if (!place) return std::move(place).error();
    auto end = findEnd(*place);
    if (!end) return std::move(end).error();
    const Readiness found{look(tenant), place->mark().lost};
    if (!isFull(found.state)) return found;
    Error full =
        Error::refused("the audit log of this tenant has reached its limit of ", bytes_max_, " bytes")
            .withHint(
                "the operator can rename its audit.jsonl to audit.ANYTHING; the chain goes on in a new file, and "
                "then the old one may be moved elsewhere");
    full.rule = "audit-full";
    return full;
}

AuditLog::State AuditLog::look(const std::string& tenant) const {
    const std::string folder = concat(folder_, "/", tenant);
    return {lookAt(folder + "/audit.jsonl"), lookAt(folder + "/head"), lookAt(folder + "/salt"),
            lookAt(folder + ".mark")};
}

Result<AuditLog::State> AuditLog::append(const std::string& tenant, std::vector<Entry> entries, std::uint64_t lost,
                                         std::chrono::milliseconds lock_patience) const {
    auto place = LogPlace::toWrite(folder_, tenant, keys_, lock_patience);
    if (!place) return std::move(place).error();
    auto end = findEnd(*place);
    if (!end) return std::move(end).error();
    if (auto made = place->makeLog(); !made) return std::move(made).error();
    if (end->size == 0) {  // a new file: a crash must not leave the length of the one before it
        if (auto marked = place->writeHead(*end, sync_); !marked) return std::move(marked).error();
    }
    lost += place->mark().lost;
    if (lost > 0 && !entries.empty()) entries.front().body["lost_before"] = lost;
    std::string bytes;
    const std::uint64_t at = end->size;
    for (const Entry& entry : entries) {
        const std::string body = entry.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        auto line = makeLine(end->link, tenant, place->keys().front(), entry.at, body);
        if (!line) return std::move(line).error();
        if (line->text.size() >= kLineBytesMax)
            return Error::internal("a record of ", line->text.size(), " bytes is longer than ", kLineBytesMax);
        bytes += line->text + '\n';
        end->link = std::move(line->link);
    }
    const File& log = *place->log();
    if (auto written = log.write(at, bytes); !written) {
        // What is half written is cut off by whoever comes next; trying now makes room where the disk is full.
        if (auto cut = log.cut(at); !cut) return std::move(cut).error();
        return std::move(written).error();
    }
    if (sync_) {
        if (auto kept = log.sync(); !kept) return std::move(kept).error();
    }
    end->size += bytes.size();
    if (auto marked = place->writeHead(*end, sync_); !marked) return std::move(marked).error();
    // Only now is it told: until here the next record would have to tell of them again.
    if (auto marked = place->writeMark({end->link.seq, 0}); !marked) return std::move(marked).error();
    return look(tenant);
}

Result<void> AuditLog::noteLost(const std::string& tenant, std::uint64_t lost,
                                std::chrono::milliseconds lock_patience) const {
    auto place = LogPlace::toCount(folder_, tenant, keys_, lock_patience);
    if (!place) return std::move(place).error();
    return place->writeMark({place->mark().seq, place->mark().lost + lost});
}

Result<Verified> AuditLog::verify(const std::string& tenant, std::size_t newest) const {
    auto place = LogPlace::toRead(folder_, tenant, keys_);
    if (!place) return std::move(place).error();
    if (!*place) return Error::notFound("tenant ", tenant, " has no audit log yet");
    Verified found;
    const auto objectTo = [&](std::uint64_t record, std::string problem) {
        found.broken_record = record;
        found.problem = std::move(problem);
    };
    const Mark mark = (*place)->mark();
    if (!(*place)->missing().empty()) {
        objectTo(1, (*place)->missing());
        return found;
    }
    auto head = (*place)->head();
    if (!head) return std::move(head).error();
    auto size = sizeOf(**place);
    if (!size) return std::move(size).error();
    found.last_hash = head->link.hash;
    if (*size == 0 && head->size > 0) {
        auto moved = (*place)->isMovedAway(*head);
        if (!moved) return std::move(moved).error();
        if (!*moved) objectTo(head->first, goneFrom(*head));
    }
    if (found.problem.empty() && head->link.seq < mark.seq) objectTo(head->link.seq + 1, olderThan(mark, *head));
    if (*size == 0) return found;
    const std::optional<File> log = (*place)->takeLog();
    const TenantKeys keys = (*place)->keys();
    place->reset();  // unlocked: records that come meanwhile stand behind `size`

    Link link = beginningOf(tenant);
    std::deque<nlohmann::json> last;
    Lines lines(*log, 0, *size);
    std::string text, body;
    bool end_seen = head->size == 0;
    for (std::uint64_t number = 1;; ++number) {
        auto more = lines.next(text);
        if (!more && more.error().code != Code::invalid_argument) return std::move(more).error();
        if (more && !*more) break;
        const auto record = more ? Record::parse(text) : std::nullopt;
        // A file begins where the one before it, which was moved away, ended.
        if (number == 1 && head->first > 1) link = {head->first - 1, record ? std::string(record->prev) : ""};
        std::string objection = !more    ? concat("it is ", more.error().message)
                                : record ? objectionTo(*record, link, tenant, keys, body)
                                         : "it is no record";
        if (!objection.empty()) {
            objectTo(link.seq + 1, concat("line ", number, ": ", objection));
            break;
        }
        link = {record->seq, std::string(record->hash)};
        if (found.first == 0) found.first = link.seq;
        end_seen = end_seen || (link.seq == head->link.seq && link.hash == head->link.hash);
        if (newest == 0) continue;
        auto opened = nlohmann::json::parse(body, nullptr, false);
        if (opened.is_object()) opened.update({{"seq", record->seq}, {"at", std::string(record->at)}});
        last.push_back(std::move(opened));
        if (last.size() > newest) last.pop_front();
    }
    if (found.first > 0) {
        found.last = link.seq;
        found.last_hash = link.hash;
    }
    if (found.problem.empty() && !end_seen)
        objectTo(link.seq + 1, concat("records ", link.seq + 1, " to ", head->link.seq, " are gone from its end"));
    found.newest.assign(last.begin(), last.end());
    return found;
}

}  // namespace howdah::multi_tenant
