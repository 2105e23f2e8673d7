// One instance of several in one process, and what their clients hear.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "kernel/protocol/shared_sessions.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel::test {

inline const std::vector<std::string> kSealKeys{std::string(32, 'k')};

inline constexpr std::chrono::minutes kAnswerLife{7};

struct OneInstance {
    explicit OneInstance(Runtime& runtime, const std::vector<std::string>& seal_keys = kSealKeys,
                         SessionLimits its_limits = {})
        : limits(its_limits), sessions(limits), shared(runtime, generations, sealer, sessions, limits, kAnswerLife) {
        sealer.useKeys(seal_keys);
        shared.start();
    }
    ~OneInstance() { shared.stop(); }

    GenerationStore generations;
    Sealer sealer;
    SessionLimits limits;
    SessionStore sessions;
    SharedSessions shared;
};

inline Principal personNamed(std::string name) {
    Principal principal;
    principal.subject = std::move(name);
    return principal;
}

inline Client knownClient() {
    Client client{.name = "test", .version = "1"};
    client.askable = 5;
    return client;
}

// A session of ada's as two instances hold it.
inline std::pair<std::shared_ptr<Session>, std::shared_ptr<Session>> openAtBoth(OneInstance& one, OneInstance& two) {
    auto here = *one.shared.create(Revision::v2025_11_25, knownClient(), personNamed("ada"));
    auto there = *two.shared.find(here->id, personNamed("ada"));
    REQUIRE(there);
    return {std::move(here), std::move(there)};
}

class HeardStream final : public PeerLink {
public:
    using Said = std::vector<std::pair<std::string, std::string>>;
    bool push(std::string) override { return false; }
    bool pushEvent(std::string json, std::string_view id) override {
        const std::lock_guard lock(mutex_);
        said_.emplace_back(std::string(id), std::move(json));
        return true;
    }
    Said said() {
        const std::lock_guard lock(mutex_);
        return said_;
    }

private:
    std::mutex mutex_;
    Said said_;
};

// Asks on the fiber until it is so.
template <typename Condition>
bool comesTrue(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < end) {
        if (condition()) return true;
        (void)sleepUntil(nullptr, Deadline::in(std::chrono::milliseconds(1)));
    }
    return false;
}

}  // namespace howdah::kernel::test
