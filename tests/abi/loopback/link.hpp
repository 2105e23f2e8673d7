// A plugin and a host that share no memory: every call between them is carried as bytes. To the host a Link is the
// plugin, to the plugin it is the host. What proves the message law: a plugin behaves the same on a Link.
//
// Threads: as the ABI says; the Link's own tables are behind a mutex.
// Owns:    the plugin's end of each request (contexts, arenas, rows) and the proxies of services.
// Errors:  a pointer that is not one of the Link's ends the program: it was kept past its call.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <howdah/abi/plugin.h>
#include <howdah/abi/runtime.h>

#include "tests/abi/loopback/wire.hpp"

namespace howdah::loopback {

class Link;

// What the plugin holds as howdah_ctx* during one call; gone when the call returns.
struct NearContext {
    Link* link;
    howdah_ctx* far;  // the host's
    Room* arena;      // the plugin's memory of this request
    howdah_query* near_query = nullptr;
    howdah_query* far_query = nullptr;
    howdah_call* near_call = nullptr;
    howdah_call* far_call = nullptr;
    Room last_error;  // borrowed until the next call in this context
    Room received;    // until the next howdah_transport_v1.receive in this context

    static NearContext& of(howdah_ctx* ctx) { return *reinterpret_cast<NearContext*>(ctx); }
    howdah_ctx* raw() { return reinterpret_cast<howdah_ctx*>(this); }
};

// A service on the other side: the table given out instead of the real one has a Service as self.
struct Service {
    // What is borrowed of one cursor.
    struct Cursor {
        Room columns;  // until it is closed
        Room batch;    // until the next call
    };
    Link* link;
    const void* table;
    void* self;
    std::mutex mutex;
    std::map<std::uint64_t, Cursor> cursors;

    template <typename Table>
    const Table& as() const {
        return *static_cast<const Table*>(table);
    }
    Cursor& cursor(std::uint64_t number) {
        std::lock_guard lock(mutex);
        return cursors[number];
    }
    void drop(std::uint64_t number) {
        std::lock_guard lock(mutex);
        cursors.erase(number);
    }
};

// The host's table of a service offered by the plugin, and the plugin's table of one it acquired; null if the ABI has
// no service of that name.
const void* inwardTable(const std::string& id);
const void* outwardTable(const std::string& id);
// The kernel's interfaces, as the plugin gets them.
const void* basicTable(const std::string& id);
const void* queryTable(const std::string& id);
const void* runtimeTable(const std::string& id);
const void* transportTable(const std::string& id);

class Link {
public:
    explicit Link(const howdah_entry_v1& plugin);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // What the host loads instead of the plugin. One Link at a time is created from.
    const howdah_entry_v1* entry() const { return &entry_; }
    // The host ended a request: the plugin's memory of it goes.
    void endRequest(howdah_ctx* far);

    // --- used by the tables
    static Link& of(const howdah_host* near) { return *static_cast<Link*>(near->self); }
    static Link& of(void* self) { return *static_cast<Link*>(self); }
    const howdah_host* far() const { return far_; }
    const howdah_plugin& plugin() const { return *plugin_; }
    template <typename Table>
    const Table& host(const char* id) const {
        return *static_cast<const Table*>(far_->get_interface(far_, id));
    }
    template <typename Table>
    const Table& offered(const char* id) const {
        return *static_cast<const Table*>(plugin_->get_interface(plugin_->self, id));
    }
    Room& arena(howdah_ctx* far);
    Room& lasting() { return lasting_; }               // until the plugin's end
    Service* acquired(const void* table, void* self);  // of another plugin
    Service& ownService(const char* id);               // of this plugin

private:
    static const howdah_plugin* create(const howdah_host* host);
    static const void* hostInterface(const howdah_host* near, const char* id);
    static const void* pluginInterface(void* self, const char* id);

    static Link* creating_;
    const howdah_entry_v1& real_;
    howdah_entry_v1 entry_{};
    howdah_host near_{};
    howdah_plugin table_{};
    const howdah_host* far_ = nullptr;
    const howdah_plugin* plugin_ = nullptr;
    std::mutex mutex_;
    std::map<howdah_ctx*, Room> arenas_;
    std::vector<std::unique_ptr<Service>> acquired_;
    std::map<std::string, std::unique_ptr<Service>> own_;
    Room lasting_;
};

// The host calls the plugin.
class Inward {
public:
    Inward(Link& link, howdah_ctx* far)
        : near_(new NearContext{&link, far, &link.arena(far)}), results_([&link, far](std::uint64_t size) {
              return link.host<howdah_context_v1>(HOWDAH_CONTEXT_1).alloc(far, size ? size : 1);
          }) {}
    static Service& service(void* self, const char* id) { return Link::of(self).ownService(id); }
    howdah_ctx* ctx() { return near_->raw(); }
    NearContext& near() { return *near_; }
    Room& results() { return results_; }  // the host's arena

private:
    std::unique_ptr<NearContext> near_;
    Room results_;
};

// The plugin calls the host, or a service of another plugin.
class Outward {
public:
    explicit Outward(howdah_ctx* near) : near_(NearContext::of(near)) {}
    Outward(Link&, howdah_ctx* near) : Outward(near) {}
    static Service& service(void* self, const char*) { return *static_cast<Service*>(self); }
    howdah_ctx* ctx() { return near_.far; }
    Link& link() { return *near_.link; }
    NearContext& near() { return near_; }
    Room& results() { return *near_.arena; }

private:
    NearContext& near_;
};

}  // namespace howdah::loopback
