// howdah.kv/1 of the kernel's own store, for several instances in one test; it can be made to lose answers.
#pragma once

#include <atomic>
#include <chrono>

#include <howdah/abi/auth.h>
#include <howdah/test/fake_host.hpp>

#include "kernel/host/kv_store.hpp"

namespace howdah::test {

class SharedStore {
public:
    SharedStore() {
        table_.struct_size = sizeof table_;
        table_.add = &add;
    }
    const howdah_kv_v1* table() const { return &table_; }

    // Each so manieth answer is lost after the store has done what was asked; 0 = none.
    std::atomic<unsigned> loses_every{0};
    std::atomic<bool> is_down{false};
    // Answers come when the time of whoever asks is over.
    std::atomic<bool> takes_too_long{false};
    std::atomic<unsigned> asked{0};

private:
    static howdah_status add(void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl_ms,
                             std::int64_t* value) {
        auto& store = *static_cast<SharedStore*>(self);
        const unsigned number = ++store.asked;
        const auto fail = [&] {
            ctx->error = Error::unavailable("the store is away");
            return HOWDAH_ERROR_UNAVAILABLE;
        };
        if (store.is_down) return fail();
        auto sum =
            store.store_.add(fromAbi(key), delta, std::chrono::milliseconds(ttl_ms), kernel::KvStore::Clock::now());
        const unsigned every = store.loses_every;
        if (!sum || (every > 0 && number % every == 0)) return fail();
        if (store.takes_too_long) ctx->deadline_ns = 1;
        *value = *sum;
        return HOWDAH_OK;
    }

    kernel::KvStore store_;
    howdah_kv_v1 table_{};
};

}  // namespace howdah::test
