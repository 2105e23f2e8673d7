// Open subscriptions/listen streams: each is a parked fiber that wakes when a list changed or the server ends
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
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/protocol/resource_watch.hpp"
#include "kernel/runtime/cancellation.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

// Which lists differ from what clients were told last.
struct Changes {
    bool tools = false;
    bool prompts = false;
    bool resources = false;
    std::set<std::string, std::less<>> updated;  // single resources
    std::set<std::string, std::less<>> tasks;    // by id

    bool any() const { return tools || prompts || resources || !updated.empty() || !tasks.empty(); }
    void add(const Changes& more) {
        tools = tools || more.tools;
        prompts = prompts || more.prompts;
        resources = resources || more.resources;
        updated.insert(more.updated.begin(), more.updated.end());
        tasks.insert(more.tasks.begin(), more.tasks.end());
    }
};

// How a list is called on the wire.
struct ListKind {
    bool Changes::* changed;
    std::string_view filter;  // in subscriptions/listen
    std::string_view notification;
};
inline constexpr ListKind kListKinds[] = {
    {&Changes::tools, "toolsListChanged", "notifications/tools/list_changed"},
    {&Changes::prompts, "promptsListChanged", "notifications/prompts/list_changed"},
    {&Changes::resources, "resourcesListChanged", "notifications/resources/list_changed"},
};

class Listener {
public:
    enum class Wake : std::uint8_t { changed, ended, cancelled };
    struct Woken {
        Wake by;
        Changes changes;
    };
    Woken wait(Cancellation* cancellation);
    ResourceWatch watched;
    ResourceWatch watched_tasks;  // by id

private:
    friend class Subscriptions;
    void signal(const Changes& changes, bool ended);

    std::mutex mutex_;
    Changes changes_;
    bool ended_ = false;
    std::shared_ptr<Event> waiting_;  // a fresh one for each wait: an Event is set once
};

class Subscriptions {
public:
    // nullptr when `limit` are open or the server ends.
    std::shared_ptr<Listener> open(std::size_t limit);
    void changed(const Changes& changes) { signalAll(changes, false); }
    void resourceUpdated(std::string_view uri);
    void taskChanged(std::string_view id);
    void endAll();
    std::size_t count() const;

private:
    void signalAll(const Changes& changes, bool ended);
    std::vector<std::shared_ptr<Listener>> listeners() const;

    mutable std::mutex mutex_;
    bool ended_ = false;
    std::vector<std::weak_ptr<Listener>> listeners_;
};

}  // namespace howdah::kernel
