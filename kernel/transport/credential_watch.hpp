// CredentialWatch: what stays open for long (a WebSocket, an event stream, a channel of a transport plugin) was let in
// with a credential that may end before it does: it expires, is taken out of a file, its key is rotated away, another
// configuration knows it no more. So each credential is shown to the authenticator again from time to time, and what
// stands on it is told when it is no longer good.
//
// "Good" means the same principal, scopes and all. An authenticator that cannot tell (unavailable) is asked again in
// the next round; nobody goes on unverified for longer than `unsure_max`.
//
// Threads: watch(), checkAll() and the end of a Watched any; stop() not a shard. on_end is called once, by a fiber of
//          the shard given, with no lock held, perhaps still while its Watched is destroyed: it must not wait, and
//          owns what it touches.
// Owns:    the credentials, and one fiber that goes round. A Watched may outlive this.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <howdah/result.hpp>

namespace howdah::kernel {

class Authenticator;
class Shard;
struct Principal;

class CredentialWatch {
    struct State;
    struct Entry;

public:
    struct Config {
        std::chrono::milliseconds every{10'000};
        std::chrono::milliseconds unsure_max{60'000};
    };
    // What was shown, and whom it was taken for.
    struct Credential {
        const char* transport = "";  // a literal
        std::optional<std::string> authorization;
        std::int64_t peer_uid = -1;
        std::shared_ptr<const Principal> principal;
        std::string address;  // for logs; "" = not known
    };
    using OnEnd = std::function<void(const Error& why)>;

    // Looked at for as long as this lives.
    class Watched {
    public:
        ~Watched();
        Watched(const Watched&) = delete;
        Watched& operator=(const Watched&) = delete;

    private:
        friend class CredentialWatch;
        Watched(std::shared_ptr<State> state, std::shared_ptr<Entry> entry);
        const std::shared_ptr<State> state_;
        const std::list<std::shared_ptr<Entry>>::iterator at_;
    };

    // `resource` is the canonical URI of this server. The authenticator must outlive stop().
    CredentialWatch(Shard& shard, Authenticator& authenticator, std::string resource, Config config);
    ~CredentialWatch();
    CredentialWatch(const CredentialWatch&) = delete;
    CredentialWatch& operator=(const CredentialWatch&) = delete;

    std::unique_ptr<Watched> watch(Credential credential, OnEnd on_end);
    // All of them at once, because the configuration is another one.
    void checkAll();
    // Waits for the fiber.
    void stop();
    std::size_t count() const;

private:
    const std::shared_ptr<State> state_;
};

}  // namespace howdah::kernel
