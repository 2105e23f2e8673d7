// A MessageHandler for the transports' tests: what it does is named in the message itself.
//
//   {"do":"echo"}            answers with the message
//   {"do":"none"}            a notification: no answer
//   {"do":"bytes","n":N}     answers with N bytes of 'x' in a JSON string, in pieces of 8 KiB
//   {"do":"hold"}            parks until released or cancelled, then answers "released" or "cancelled"
//   {"do":"stand"}           the same, but leaves the requests in flight first; where it may not, it answers why
//   {"do":"stand_later"}     the same, once letStand() was called
//   {"do":"notify"}          two notifications, then the answer
//   {"do":"notify_hold"}     one notification, then as hold
//   {"do":"status"}          404 with a header of its own
#pragma once

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/protocol/exchange.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel::test {

// Counts that a test waits for, instead of sleeping.
class Counter {
public:
    void add() {
        std::lock_guard lock(mutex_);
        ++value_;
        changed_.notify_all();
    }
    int value() const {
        std::lock_guard lock(mutex_);
        return value_;
    }
    bool reaches(int wanted) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return value_ >= wanted; });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int value_ = 0;
};

// Fibers wait before it until it is opened, for good.
class Gate {
public:
    WaitStatus pass(Cancellation* cancellation) {
        auto event = std::make_shared<Event>();
        {
            std::lock_guard lock(mutex_);
            if (open_) return WaitStatus::ready;
            waiting_.push_back(event);
        }
        return event->wait(cancellation, Deadline::never());
    }
    void open() {
        std::vector<std::shared_ptr<Event>> waking;
        {
            std::lock_guard lock(mutex_);
            open_ = true;
            waking.swap(waiting_);
        }
        for (const auto& event : waking)
            event->set();
    }

private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<Event>> waiting_;
    bool open_ = false;
};

class FakeHandler final : public MessageHandler {
public:
    void handle(Inbound& message, ReplySink& reply) override {
        const std::string_view body = message.body;
        if (message.peer) {
            std::lock_guard lock(mutex_);
            peer = message.peer;
        }
        if (on_message) on_message(message);
        handled.add();  // after it: who waits for this sees what on_message did
        // The padding is part of the promise: a sanitizer build notices a read beyond it.
        volatile char last = body.data()[body.size() + 63];
        static_cast<void>(last);
        if (names(body, "none")) return;
        if (names(body, "notify_hold")) static_cast<void>(reply.notify(R"({"progress":0})"));
        if (names(body, "hold") || names(body, "notify_hold")) return hold(message, reply);
        const bool later = names(body, "stand_later");
        if (later && before_standing_.pass(message.cancellation) != WaitStatus::ready) return;
        if (later || names(body, "stand")) {
            if (auto may = reply.stands(); !may) {
                write(reply, concat("\"", may.error().message, "\""));
                static_cast<void>(reply.finish());
                return;
            }
            return hold(message, reply);
        }
        if (names(body, "bytes")) return answerBytes(body, reply);
        if (names(body, "status")) {
            reply.status(404);
            reply.header("Mcp-Session-Id", "s1");
            write(reply, R"({"error":1})");
        } else if (names(body, "notify")) {
            notified = reply.notify(R"({"progress":1})").has_value() && reply.notify("{\"progress\":\n2}").has_value();
            write(reply, R"({"result":"after"})");
        } else {
            write(reply, body);
        }
        static_cast<void>(reply.finish());
    }

    bool openEventStream(Inbound& request, ReplySink& refusal, std::shared_ptr<PeerLink> link) override {
        streams.add();
        if (request.session_id.data() == nullptr) {
            refusal.status(400);
            write(refusal, R"({"error":"no session"})");
            return false;
        }
        std::lock_guard lock(mutex_);
        peer = std::move(link);
        return true;
    }

    void endSession(Inbound& request, ReplySink& reply) override {
        reply.status(request.session_id == "s1" ? 204 : 404);
    }

    std::shared_ptr<PeerLink> takePeer() {
        std::lock_guard lock(mutex_);
        return std::move(peer);
    }

    // Lets all held requests go on, now and later.
    void release() { held_.open(); }
    // Lets those stand that were told to do so later.
    void letStand() { before_standing_.open(); }

    std::function<void(const Inbound&)> on_message;
    Counter handled, holding, cancelled, streams, answered;
    std::atomic<bool> notified{false};
    std::atomic<std::size_t> bytes_written{0};
    std::shared_ptr<PeerLink> peer;

private:
    static bool names(std::string_view body, std::string_view what) {
        return body.find("\"do\":\"" + std::string(what) + "\"") != std::string_view::npos;
    }
    static void write(ReplySink& reply, std::string_view text) { static_cast<void>(reply.write(text)); }

    void answerBytes(std::string_view body, ReplySink& reply) {
        std::size_t left = 0;
        const std::size_t at = body.find("\"n\":");
        std::from_chars(body.data() + at + 4, body.data() + body.size(), left);
        write(reply, "\"");
        const std::string piece(8192, 'x');
        while (left > 0) {
            const std::size_t now = std::min(left, piece.size());
            if (!reply.write(std::string_view(piece).substr(0, now))) break;
            bytes_written += now;
            left -= now;
        }
        write(reply, "\"");
        static_cast<void>(reply.finish());
        answered.add();
    }

    void hold(Inbound& message, ReplySink& reply) {
        holding.add();
        const WaitStatus status = held_.pass(message.cancellation);
        if (status == WaitStatus::cancelled) cancelled.add();
        write(reply, status == WaitStatus::ready ? "\"released\"" : "\"cancelled\"");
        static_cast<void>(reply.finish());
        answered.add();
    }

    std::mutex mutex_;
    Gate held_;
    Gate before_standing_;
};

}  // namespace howdah::kernel::test
