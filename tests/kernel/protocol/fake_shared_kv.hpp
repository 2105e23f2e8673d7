// What instances share, in the memory of a test: the kernel's own store and channels in the place of a plugin's.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/host/kv_channels.hpp"
#include "kernel/host/kv_store.hpp"

namespace howdah::kernel::test {

struct FakeSharedKv {
    FakeSharedKv() { current = this; }
    ~FakeSharedKv() { current = nullptr; }
    FakeSharedKv(const FakeSharedKv&) = delete;
    FakeSharedKv& operator=(const FakeSharedKv&) = delete;

    static inline std::atomic<FakeSharedKv*> current{nullptr};  // null: no plugin offers one
    std::atomic<bool> away{false};
    std::atomic<unsigned> asked{0};
    std::atomic<unsigned> kept{0};  // values of sessions
    std::atomic<std::chrono::milliseconds> answer_life{};
    std::atomic<unsigned> answers_read{0};
    // It answers as ever, but nothing of a session is kept, or nobody hears what is said; and how much that was.
    std::atomic<bool> forgets{false};
    std::atomic<bool> is_mute{false};
    std::atomic<unsigned> forgotten{0};
    std::atomic<unsigned> unheard{0};
    // Who compares and sets waits, as for a server that does not answer.
    std::atomic<bool> holds{false};
    std::atomic<unsigned> held{0};
    std::atomic<bool> refuses_changes{false};  // by whoever compares and sets
    std::atomic<unsigned> changes_refused{0};
    std::atomic<unsigned> changes{0};
    std::atomic<bool> is_late{false};  // the next of them hears only once this is false again that it was done
    std::atomic<bool> late{false};     // and waits for it
    std::atomic<bool> is_deaf{false};  // nobody can listen
    std::atomic<unsigned> leases{0};   // renewed or begun
    std::atomic<bool> refuses_leases{false};
    std::atomic<unsigned> leases_refused{0};
    KvStore store;
    std::vector<std::string> written();  // keys
    void noteWritten(std::string_view key);
    KvChannels channels;

private:
    std::mutex mutex_;
    std::vector<std::string> written_;
};

}  // namespace howdah::kernel::test
