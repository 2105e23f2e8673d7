// ClientChannels: every channel that transport plugins have opened. The door is the one of HTTP: the same verification
// of credentials, the same bound of connections, the same drain.
//
// A credential is verified when a channel opens and from time to time while it is open; a channel whose credential has
// become bad, or somebody else's, ends.
//
// Threads: open(), submit(), receive(), finish(), drain() in fibers; all else any, without waiting.
// Owns:    the channels until they are closed.
// Errors:  as sdk/include/howdah/abi/transport.h says of each call.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/runtime/runtime.hpp"
#include "kernel/transport/client_channel.hpp"
#include "kernel/transport/credential_watch.hpp"

namespace howdah::kernel {

class Authenticator;

class ClientChannels {
public:
    struct Config {
        ClientChannel::Limits channel;
        std::size_t channels_max = 1024;
        std::chrono::milliseconds cancelled_grace{500};  // for what was cancelled at the end of a drain
    };
    struct Peer {
        std::string_view transport;
        std::string_view authorization;  // "" = none
        std::string_view address;
    };
    using Owner = const void*;  // the plugin's instance; null = everybody's

    ClientChannels(Runtime& runtime, MessageHandler& handler, Config config)
        : runtime_(runtime), handler_(handler), config_(config) {}

    // From now on clients are let in; null: whoever can connect is the local user (auth: none). `resource` is the
    // canonical URI of this server, the audience of tokens, whatever wire they come over; `credentials` looks at them
    // again, and is there if the authenticator is. Once.
    void letIn(Authenticator* authenticator, std::string resource, std::shared_ptr<CredentialWatch> credentials);

    Result<std::uint64_t> open(Owner owner, const Peer& peer, Cancellation* cancellation);
    Result<void> submit(std::uint64_t channel, std::string_view message, Cancellation* cancellation, Deadline deadline);
    Result<std::string> receive(std::uint64_t channel, Cancellation* cancellation, Deadline deadline);
    Result<void> finish(std::uint64_t channel);
    void close(std::uint64_t channel);

    // Nothing more is opened by that owner and nothing more comes in; what came goes on.
    void beginDrain(Owner owner, std::string_view why);
    // Waits for the owner's channels to be closed; at the deadline what is in flight is cancelled, then cut off. False
    // if the deadline came first.
    bool drain(Owner owner, Deadline deadline, CancelReason at_deadline);
    // The owner is no more: what it has left open is closed.
    void forget(Owner owner);

    std::size_t count() const;

private:
    struct Entry {
        std::shared_ptr<ClientChannel> channel;
        Owner owner = nullptr;
        std::unique_ptr<CredentialWatch::Watched> watched;
    };
    Result<std::shared_ptr<const Principal>> verify(const char* transport, std::string_view authorization,
                                                    Cancellation* cancellation);
    std::string whereTokensAre() const;  // "" = nobody says so
    std::shared_ptr<Entry> find(std::uint64_t channel) const;
    std::vector<std::shared_ptr<Entry>> of(Owner owner) const;
    bool waitForNone(Owner owner, Deadline deadline);

    Runtime& runtime_;
    MessageHandler& handler_;
    const Config config_;
    Authenticator* authenticator_ = nullptr;  // these three are read once letting_in_ is true
    std::string resource_;
    std::shared_ptr<CredentialWatch> credentials_;
    std::atomic<bool> letting_in_{false};

    mutable std::mutex mutex_;
    std::map<std::uint64_t, std::shared_ptr<Entry>> entries_;
    std::uint64_t next_ = 1;
    std::vector<Owner> draining_;  // null = all
    std::vector<std::shared_ptr<Event>> waiting_;
};

}  // namespace howdah::kernel
