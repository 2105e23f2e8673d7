#include "kernel/protocol/stream_log.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <ranges>
#include <utility>

#include <howdah/result.hpp>

namespace howdah::kernel {
namespace {

struct EventId {
    std::uint64_t stream = 0;
    std::uint64_t event = 0;
};

std::optional<EventId> read(std::string_view text) {
    EventId id;
    const char* const end = text.data() + text.size();
    auto [dash, bad_stream] = std::from_chars(text.data(), end, id.stream);
    if (bad_stream != std::errc() || dash == end || *dash != '-') return std::nullopt;
    auto [last, bad_event] = std::from_chars(dash + 1, end, id.event);
    return bad_event == std::errc() && last == end ? std::optional(id) : std::nullopt;
}

}  // namespace

std::string StreamLog::idOf(Number stream, std::uint64_t event) {
    return concat(stream, "-", event);
}

StreamLog::Number StreamLog::beginAnswer() {
    if (!primes_) return 0;
    std::lock_guard lock(mutex_);
    forgetFinished();
    streams_.try_emplace(++last_);
    return last_;
}

void StreamLog::append(Number number, std::string json) {
    std::lock_guard lock(mutex_);
    if (auto found = streams_.find(number); found != streams_.end()) (void)say(number, found->second, std::move(json));
}

void StreamLog::finishAnswer(Number number, std::string json) {
    std::lock_guard lock(mutex_);
    auto found = streams_.find(number);
    if (found == streams_.end()) return;
    if (!json.empty()) (void)say(number, found->second, std::move(json));
    if (found->second.events.empty()) {
        streams_.erase(found);  // its client has no id to come back with
        return;
    }
    found->second.finished = true;
    found->second.link = {};  // which closes it, once what is queued has been sent
}

bool StreamLog::continuesElsewhere(Number number) {
    std::lock_guard lock(mutex_);
    auto found = streams_.find(number);
    return found != streams_.end() && found->second.elsewhere;
}

bool StreamLog::listen(Link link, std::size_t limit) {
    std::lock_guard lock(mutex_);
    forgetFinished();
    const auto open = std::ranges::count_if(streams_, [](const auto& entry) { return entry.second.link.open(); });
    if (static_cast<std::size_t>(open) >= limit) return false;
    Stream& stream = streams_[++last_];
    stream.listens = true;
    if (primes_) (void)link.peer->pushEvent({}, idOf(last_, 0));
    stream.link = std::move(link);
    return true;
}

bool StreamLog::listening() {
    std::lock_guard lock(mutex_);
    return std::ranges::any_of(streams_, [](const auto& entry) { return entry.second.link.open(); });
}

bool StreamLog::push(const std::string& json) {
    std::lock_guard lock(mutex_);
    Number newest = 0;
    for (auto& [number, stream] : std::views::reverse(streams_)) {
        if (!stream.listens) continue;
        if (newest == 0) newest = number;
        if (stream.link.open() && say(number, stream, json)) return true;
    }
    if (newest == 0) return false;
    (void)say(newest, streams_.find(newest)->second, json);
    return true;
}

// Puts the event on the log and, where a link is open, on it; true when it took it. One that does not is let go, and
// the event is then not on the log either: it may go to another stream.
bool StreamLog::say(Number number, Stream& stream, std::string json) {
    const std::uint64_t event = stream.next;
    const bool linked = stream.link.open();
    if (linked && !stream.link.peer->pushEvent(json, idOf(number, event))) {
        stream.link = {};
        if (stream.listens) return false;
    }
    ++stream.next;
    bytes_ += json.size();
    stream.events.push_back({event, std::move(json)});
    makeRoom();
    return linked;
}

// The oldest events go, whatever stream they are of.
void StreamLog::makeRoom() {
    for (auto& [number, stream] : streams_) {
        auto kept = stream.events.begin();
        for (; bytes_ > kBytesMax && kept != stream.events.end(); ++kept) {
            bytes_ -= kept->json.size();
            stream.forgotten = kept->number;
        }
        stream.events.erase(stream.events.begin(), kept);
    }
}

void StreamLog::forgetFinished() {
    while (streams_.size() >= kStreamsMax) {
        auto oldest = std::ranges::find_if(streams_, [](const auto& entry) {
            return entry.second.finished || (entry.second.listens && !entry.second.link.open());
        });
        if (oldest == streams_.end()) return;
        for (const Event& event : oldest->second.events)
            bytes_ -= event.json.size();
        streams_.erase(oldest);
    }
}

StreamLog::Resumed StreamLog::resume(std::string_view last_event_id, Link link) {
    const auto id = read(last_event_id);
    std::lock_guard lock(mutex_);
    auto found = id ? streams_.find(id->stream) : streams_.end();
    if (found == streams_.end() || id->event >= found->second.next) return Resumed::unknown;
    Stream& stream = found->second;
    if (id->event < stream.forgotten) return Resumed::forgotten;
    stream.elsewhere = true;
    stream.link = {};
    for (const Event& event : stream.events)
        if (event.number > id->event) (void)link.peer->pushEvent(event.json, idOf(id->stream, event.number));
    if (!stream.finished) stream.link = std::move(link);
    return Resumed::yes;
}

}  // namespace howdah::kernel
