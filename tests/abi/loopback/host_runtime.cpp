// The kernel's interfaces for waiting: reactor and offload. Handles and tokens are numbers already.
#include "tests/abi/loopback/link.hpp"

namespace howdah::loopback {
namespace {

const howdah_reactor_v1& reactor(const Link& link) {
    return link.host<howdah_reactor_v1>(HOWDAH_REACTOR_1);
}
const howdah_offload_v1& offload(const Link& link) {
    return link.host<howdah_offload_v1>(HOWDAH_OFFLOAD_1);
}

std::uint32_t shard(howdah_ctx* ctx) {
    Outward way(ctx);
    const Bytes answer = carry([&](Writer& out) { put(out, reactor(way.link()).shard(way.ctx())); });
    return Reader(answer).number<std::uint32_t>();
}
std::uint32_t shardCount(const howdah_host* host) {
    Link& link = Link::of(host);
    const Bytes answer = carry([&](Writer& out) { put(out, reactor(link).shard_count(link.far())); });
    return Reader(answer).number<std::uint32_t>();
}
// A descriptor travels as a number here; between processes it goes beside the message (SCM_RIGHTS).
howdah_status socketAdopt(howdah_ctx* ctx, std::int32_t descriptor, std::uint64_t* socket) {
    Outward way(ctx);
    Bytes answer = carry(
        [&](Writer& out, std::int32_t given) {
            std::uint64_t made = 0;
            put(out, reactor(way.link()).socket_adopt(way.ctx(), given, &made));
            put(out, made);
        },
        descriptor);
    return settle(answer, way.results(), *socket);
}
howdah_status socketWait(howdah_ctx* ctx, std::uint64_t socket, std::uint32_t mask, std::uint64_t deadline_ns) {
    Outward way(ctx);
    Bytes answer =
        carry([&](Writer& out, std::uint64_t handle, std::uint32_t bits,
                  std::uint64_t until) { put(out, reactor(way.link()).socket_wait(way.ctx(), handle, bits, until)); },
              socket, mask, deadline_ns);
    return settle(answer, way.results());
}
void socketRelease(const howdah_host* host, std::uint64_t socket) {
    Link& link = Link::of(host);
    carry([&](Writer&, std::uint64_t handle) { reactor(link).socket_release(link.far(), handle); }, socket);
}
howdah_status eventCreate(const howdah_host* host, std::uint64_t* event) {
    Link& link = Link::of(host);
    Bytes answer = carry([&](Writer& out) {
        std::uint64_t made = 0;
        put(out, reactor(link).event_create(link.far(), &made));
        put(out, made);
    });
    return settle(answer, link.lasting(), *event);
}
howdah_status eventWait(howdah_ctx* ctx, std::uint64_t event, std::uint64_t deadline_ns) {
    Outward way(ctx);
    Bytes answer =
        carry([&](Writer& out, std::uint64_t handle,
                  std::uint64_t until) { put(out, reactor(way.link()).event_wait(way.ctx(), handle, until)); },
              event, deadline_ns);
    return settle(answer, way.results());
}
void eventSet(const howdah_host* host, std::uint64_t event) {
    Link& link = Link::of(host);
    carry([&](Writer&, std::uint64_t handle) { reactor(link).event_set(link.far(), handle); }, event);
}
void eventDestroy(const howdah_host* host, std::uint64_t event) {
    Link& link = Link::of(host);
    carry([&](Writer&, std::uint64_t handle) { reactor(link).event_destroy(link.far(), handle); }, event);
}
howdah_status spawn(const howdah_host* host, std::uint64_t token) {
    Link& link = Link::of(host);
    Bytes answer =
        carry([&](Writer& out, std::uint64_t given) { put(out, reactor(link).spawn(link.far(), given)); }, token);
    return settle(answer, link.lasting());
}

howdah_status run(howdah_ctx* ctx, std::uint64_t token, std::uint32_t kind, std::uint64_t deadline_ns) {
    Outward way(ctx);
    Bytes answer =
        carry([&](Writer& out, std::uint64_t given, std::uint32_t which,
                  std::uint64_t until) { put(out, offload(way.link()).run(way.ctx(), given, which, until)); },
              token, kind, deadline_ns);
    return settle(answer, way.results());
}
howdah_status startWork(const howdah_host* host, std::uint64_t token, std::uint32_t kind) {
    Link& link = Link::of(host);
    Bytes answer = carry([&](Writer& out, std::uint64_t given,
                             std::uint32_t which) { put(out, offload(link).start(link.far(), given, which)); },
                         token, kind);
    return settle(answer, link.lasting());
}

constexpr howdah_reactor_v1 kReactor{sizeof(howdah_reactor_v1),
                                     0,
                                     &shard,
                                     &shardCount,
                                     &socketAdopt,
                                     &socketWait,
                                     &socketRelease,
                                     &eventCreate,
                                     &eventWait,
                                     &eventSet,
                                     &eventDestroy,
                                     &spawn};
constexpr howdah_offload_v1 kOffload{sizeof(howdah_offload_v1), 0, &run, &startWork};

}  // namespace

const void* runtimeTable(const std::string& id) {
    if (id == HOWDAH_REACTOR_1) return &kReactor;
    if (id == HOWDAH_OFFLOAD_1) return &kOffload;
    return nullptr;
}

}  // namespace howdah::loopback
