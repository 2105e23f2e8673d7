// The kernel's interface for transports. Channels are numbers already.
#include "tests/abi/loopback/link.hpp"

namespace howdah::loopback {
namespace {

const howdah_transport_v1& real(const Link& link) {
    return link.host<howdah_transport_v1>(HOWDAH_TRANSPORT_1);
}

howdah_status open(howdah_ctx* ctx, const howdah_channel_peer* peer, std::uint64_t* channel) {
    Outward way(ctx);
    Bytes answer = carry(
        [&](Writer& out, howdah_channel_peer& given) {
            std::uint64_t made = 0;
            put(out, real(way.link()).open(way.ctx(), &given, &made));
            put(out, made);
        },
        *peer);
    return settle(answer, way.results(), *channel);
}
howdah_status submit(howdah_ctx* ctx, std::uint64_t channel, howdah_str message, std::uint64_t deadline_ns) {
    Outward way(ctx);
    Bytes answer =
        carry([&](Writer& out, std::uint64_t number, howdah_str given,
                  std::uint64_t until) { put(out, real(way.link()).submit(way.ctx(), number, given, until)); },
              channel, message, deadline_ns);
    return settle(answer, way.results());
}
howdah_status receive(howdah_ctx* ctx, std::uint64_t channel, std::uint64_t deadline_ns, howdah_str* message) {
    Outward way(ctx);
    Bytes answer = carry(
        [&](Writer& out, std::uint64_t number, std::uint64_t until) {
            howdah_str made{};
            put(out, real(way.link()).receive(way.ctx(), number, until, &made));
            put(out, made);
        },
        channel, deadline_ns);
    way.near().received.clear();
    return settle(answer, way.near().received, *message);
}
howdah_status finish(howdah_ctx* ctx, std::uint64_t channel) {
    Outward way(ctx);
    Bytes answer = carry(
        [&](Writer& out, std::uint64_t number) { put(out, real(way.link()).finish(way.ctx(), number)); }, channel);
    return settle(answer, way.results());
}
void close(const howdah_host* host, std::uint64_t channel) {
    Link& link = Link::of(host);
    carry([&](Writer&, std::uint64_t number) { real(link).close(link.far(), number); }, channel);
}

constexpr howdah_transport_v1 kTransport{sizeof(howdah_transport_v1), 0, &open, &submit, &receive, &finish, &close};

}  // namespace

const void* transportTable(const std::string& id) {
    return id == HOWDAH_TRANSPORT_1 ? &kTransport : nullptr;
}

}  // namespace howdah::loopback
