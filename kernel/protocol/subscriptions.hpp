// Open subscriptions/listen streams: each is a parked fiber that wakes when the tool list changed or the server ends
// it.
//
// Threads: any; a Listener is waited for by the one fiber that opened it.
// Owns:    nothing: a Listener lives as long as its fiber holds it.
// Source:  MCP 2026-07-28 "Subscriptions".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

class Listener {
public:
    enum class Wake : std::uint8_t { changed, ended, cancelled };
    Wake wait(Cancellation* cancellation);

private:
    friend class Subscriptions;
    void signal(bool changed, bool ended);

    std::mutex mutex_;
    bool changed_ = false;
    bool ended_ = false;
    std::shared_ptr<Event> waiting_;  // a fresh one for each wait: an Event is set once
};

class Subscriptions {
public:
    // nullptr when `limit` are open or the server ends.
    std::shared_ptr<Listener> open(std::size_t limit);
    void toolsChanged() { signalAll(true, false); }
    void endAll();
    std::size_t count() const;

private:
    void signalAll(bool changed, bool ended);

    mutable std::mutex mutex_;
    bool ended_ = false;
    std::vector<std::weak_ptr<Listener>> listeners_;
};

}  // namespace howdah::kernel
