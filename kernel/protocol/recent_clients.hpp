// Which principals with which client were seen lately, so that onConnect runs on the first request of a stateless
// client and not on each. Bounded: a client that was forgotten is greeted again.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace howdah::kernel {

class RecentClients {
public:
    bool seen(std::string_view key) {
        std::size_t hash = std::hash<std::string_view>{}(key);
        Stripe& stripe = stripes_[hash % kStripes];
        std::lock_guard lock(stripe.mutex);
        for (std::size_t i = 0; i < kPerStripe; ++i)
            if (stripe.hashes[i] == hash && stripe.keys[i] == key) return true;
        return false;
    }

    void remember(std::string_view key) {
        std::size_t hash = std::hash<std::string_view>{}(key);
        Stripe& stripe = stripes_[hash % kStripes];
        std::lock_guard lock(stripe.mutex);
        std::size_t oldest = stripe.next++ % kPerStripe;
        stripe.hashes[oldest] = hash;
        stripe.keys[oldest] = key;
    }

    static constexpr std::size_t kStripes = 16;
    static constexpr std::size_t kPerStripe = 64;

private:
    struct Stripe {
        std::mutex mutex;
        std::size_t next = 0;
        std::array<std::size_t, kPerStripe> hashes{};
        std::array<std::string, kPerStripe> keys;
    };
    std::array<Stripe, kStripes> stripes_;
};

}  // namespace howdah::kernel
