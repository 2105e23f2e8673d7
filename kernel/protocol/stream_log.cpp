#include "kernel/protocol/stream_log.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <ranges>
#include <utility>

#include <howdah/result.hpp>

#include "kernel/base/base64.hpp"

namespace howdah::kernel {
namespace {

std::optional<std::uint64_t> numberOf(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [last, bad] = std::from_chars(text.data(), end, number);
    return bad == std::errc() && last == end ? std::optional(number) : std::nullopt;
}

// How the id of a request stands in the ids of its events.
std::string inIds(std::string_view request_id) {
    return request_id.empty() ? std::string() : concat('.', toBase64Url(request_id));
}

}  // namespace

StreamLog::Number StreamLog::nextNumber() {
    return mirror_ ? mirror_->nextStream() : ++last_;
}

std::string StreamLog::idOf(Number number, const Stream& stream, std::uint64_t event) const {
    if (!mirror_) return concat(number, "-", event);
    return concat(instance_, '.', number, stream.request, '-', event);
}

// The request is base64url, which may hold a dash: the event stands behind the last one.
std::optional<StreamLog::Position> StreamLog::positionOf(std::string_view event_id) {
    const std::size_t dash = event_id.rfind('-');
    if (dash == std::string_view::npos) return std::nullopt;
    Position position{.stream_name = std::string(event_id.substr(0, dash))};
    const auto event = numberOf(event_id.substr(dash + 1));
    std::string_view stream = event_id.substr(0, dash);
    if (const std::size_t dot = stream.find('.'); dot != std::string_view::npos) {
        position.instance = stream.substr(0, dot);
        stream.remove_prefix(dot + 1);
        if (const std::size_t next = stream.find('.'); next != std::string_view::npos) {
            auto request = fromBase64Url(stream.substr(next + 1));
            if (!request || request->empty()) return std::nullopt;
            position.request = std::move(*request);
            stream = stream.substr(0, next);
        }
    }
    const auto number = numberOf(stream);
    if (!event || !number) return std::nullopt;
    position.event = *event;
    position.stream = *number;
    return position;
}

StreamLog::Number StreamLog::beginAnswer(std::string_view request_id) {
    if (!resumesStreams(revision_)) return 0;
    std::lock_guard lock(mutex_);
    forgetFinished();
    const Number number = nextNumber();
    Stream& stream = streams_[number];
    if (mirror_) stream.request = inIds(request_id);
    return number;
}

std::string StreamLog::nameOf(Number number) {
    if (!mirror_) return concat(number);
    std::lock_guard lock(mutex_);
    const auto found = streams_.find(number);
    return concat(instance_, '.', number, found == streams_.end() ? std::string() : found->second.request);
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
        if (mirror_ && found->second.followed) mirror_->ended(number, 0, true);
        streams_.erase(found);  // its client has no id to come back with
        return;
    }
    found->second.finished = true;
    if (mirror_) mirror_->ended(number, found->second.next - 1, found->second.followed);
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
    const Number number = nextNumber();
    Stream& stream = streams_[number];
    stream.listens = true;
    if (primesStreams(revision_)) (void)link.peer->pushEvent({}, idOf(number, stream, 0));
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
    if (linked && !stream.link.peer->pushEvent(json, idOf(number, stream, event))) {
        stream.link = {};
        if (stream.listens) return false;
    }
    ++stream.next;
    bytes_ += json.size();
    if (mirror_) mirror_->said(number, event, json, stream.followed);
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
            if (mirror_) mirror_->forgot(number, kept->number);
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
        for (const Event& event : oldest->second.events) {
            bytes_ -= event.json.size();
            if (mirror_) mirror_->forgot(oldest->first, event.number);
        }
        streams_.erase(oldest);
    }
}

StreamLog::Resumed StreamLog::resume(std::string_view last_event_id, Link link) {
    const auto id = positionOf(last_event_id);
    if (!id || (!mirror_ && !id->instance.empty())) return Resumed::unknown;
    if (id->instance != instance_) return Resumed::elsewhere;
    std::lock_guard lock(mutex_);
    auto found = streams_.find(id->stream);
    if (found == streams_.end()) return mirror_ ? Resumed::elsewhere : Resumed::unknown;
    if (id->event >= found->second.next) return Resumed::unknown;
    Stream& stream = found->second;
    if (stream.request != inIds(id->request)) return Resumed::unknown;
    if (stream.moved) return Resumed::elsewhere;
    if (id->event < stream.forgotten) return Resumed::forgotten;
    stream.elsewhere = true;
    stream.link = {};
    for (const Event& event : stream.events)
        if (event.number > id->event) (void)link.peer->pushEvent(event.json, idOf(id->stream, stream, event.number));
    if (!stream.finished) stream.link = std::move(link);
    return Resumed::yes;
}

bool StreamLog::follow(Number number, std::string_view request, std::uint64_t after_event) {
    std::lock_guard lock(mutex_);
    const auto found = streams_.find(number);
    if (found == streams_.end()) return false;
    Stream& stream = found->second;
    if (after_event < stream.forgotten || stream.request != inIds(request)) return false;
    stream.elsewhere = true;
    stream.followed = true;
    stream.link = {};
    if (!mirror_) return true;
    for (const Event& event : stream.events)
        if (event.number > after_event) mirror_->said(number, event.number, event.json, false);
    if (stream.finished) mirror_->ended(number, stream.next - 1, false);
    return true;
}

std::vector<std::string> StreamLog::moveAway(Number number, std::uint64_t after_event) {
    std::lock_guard lock(mutex_);
    std::vector<std::string> rest;
    for (auto& [its_number, stream] : streams_) {
        if (!stream.listens) continue;
        for (const Event& event : stream.events)
            if (its_number == number && event.number > after_event) rest.push_back(event.json);
        stream.listens = false;  // nothing more is said on it
        stream.finished = true;
        stream.moved = true;
    }
    return rest;
}

}  // namespace howdah::kernel
