// A client that a plugin brings in over a wire of its own, as RAII over abi/transport.h: read there which thread may do
// what.
//
//     auto channel = Channel::open(context, {.transport = "carrier", .authorization = credential});
//     if (!channel) return hangUp(channel.error());
//     ... in one task:     channel->submit(context, message);
//     ... in another one:  while (auto message = channel->receive(context)) send(*message);
//
// The manifest needs "permissions": ["transport"].
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <howdah/abi/transport.h>
#include <howdah/host.hpp>
#include <howdah/waiting.hpp>

namespace howdah {

class Channel {
public:
    struct Peer {
        std::string_view transport;
        std::string_view authorization;  // "" = none
        std::string_view address;
    };

    // [any] Whether this process lets in clients of plugins at all; false without the permission too.
    static bool served(const Host& host) { return tableOf(host) != nullptr; }

    // [shard] refused: the credential; unavailable: not now, or not served().
    static Result<Channel> open(const Context& context, const Peer& peer) {
        const Host& host = context.host();
        const howdah_transport_v1* table = tableOf(host);
        if (!table) {
            return Error::unavailable(
                "this process lets in no clients of plugins, or plugin.json lacks the permission \"transport\"");
        }
        howdah_channel_peer abi{};
        abi.struct_size = sizeof abi;
        abi.transport = toAbi(peer.transport);
        abi.authorization = toAbi(peer.authorization);
        abi.address = toAbi(peer.address);
        std::uint64_t handle = 0;
        if (table->open(context.raw(), &abi, &handle) < 0) return context.lastError();
        return Channel(host, *table, handle);
    }

    Channel(Channel&& other) noexcept
        : host_(other.host_), table_(other.table_), handle_(std::exchange(other.handle_, 0)) {}
    Channel& operator=(Channel&&) = delete;
    ~Channel() { close(); }

    // [shard] One message of the client. invalid_argument and timeout leave the channel open.
    Result<void> submit(const Context& context, std::string_view message,
                        std::uint64_t deadline_ns = kNoDeadline) const {
        return context.check(table_->submit(context.raw(), handle_, toAbi(message), deadline_ns));
    }

    // [shard] The next message for the client, valid until the next receive() in this context; else why there is none.
    Result<std::string_view> receive(const Context& context, std::uint64_t deadline_ns = kNoDeadline) const {
        howdah_str message{};
        if (table_->receive(context.raw(), handle_, deadline_ns, &message) < 0) return context.lastError();
        return fromAbi(message);
    }

    // [shard] The client has said its last word.
    Result<void> finish(const Context& context) const { return context.check(table_->finish(context.raw(), handle_)); }

    // [any]
    void close() const {
        if (handle_) table_->close(host_->raw(), handle_);
    }

private:
    static const howdah_transport_v1* tableOf(const Host& host) {
        return static_cast<const howdah_transport_v1*>(host.raw()->get_interface(host.raw(), HOWDAH_TRANSPORT_1));
    }
    Channel(const Host& host, const howdah_transport_v1& table, std::uint64_t handle)
        : host_(&host), table_(&table), handle_(handle) {}

    const Host* host_;
    const howdah_transport_v1* table_;
    std::uint64_t handle_;
};

}  // namespace howdah
