#include "kernel/host/kv_channels.hpp"

#include <thread>

#include <doctest/doctest.h>

#include "kernel/host/kv_store.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel {
namespace {

using std::chrono::milliseconds;

// A message, "missed", or the error.
std::string next(KvChannels& channels, std::uint64_t subscription, Deadline deadline = Deadline::never()) {
    auto received = channels.receive(subscription, nullptr, deadline);
    if (!received) return received.error().message;
    return received->missed ? "missed" : std::string(received->message);
}

}  // namespace

TEST_CASE("kv channels: each listener of a channel gets what is published after it came, in order") {
    auto runtime = startRuntime();
    KvChannels channels;
    REQUIRE(channels.publish("a", "before"));
    const auto one = *channels.subscribe("a");
    const auto two = *channels.subscribe("a");
    const auto other = *channels.subscribe("b");
    REQUIRE(channels.publish("a", "1"));
    REQUIRE(channels.publish("a", "2"));
    onFiber(runtime->shard(0), [&] {
        CHECK(next(channels, one) == "1");
        CHECK(next(channels, one) == "2");
        CHECK(next(channels, two) == "1");
        CHECK(next(channels, other, Deadline::in(milliseconds(1))) ==
              "the time limit passed while waiting for a message");
        channels.unsubscribe(two);
        CHECK(next(channels, two) == "no such subscription");
    });
    channels.unsubscribe(one);
    channels.unsubscribe(one);
    channels.unsubscribe(other);
    REQUIRE(channels.publish("a", "after"));
}

TEST_CASE("kv channels: who waits is woken by what is published on another thread, or by the cancellation") {
    auto runtime = startRuntime();
    KvChannels channels;
    const auto heard = *channels.subscribe("a");
    std::thread publisher;
    onFiber(runtime->shard(0), [&] {
        publisher = std::thread([&] { (void)channels.publish("a", "late"); });
        CHECK(next(channels, heard) == "late");
        auto cancellation = Cancellation::create(*Shard::current());
        cancellation->cancel(CancelReason::requested);
        CHECK(channels.receive(heard, cancellation.get(), Deadline::never()).error().code == Code::cancelled);
    });
    publisher.join();
}

TEST_CASE("kv channels: a listener that falls behind is told that it missed messages, and gets those that follow") {
    auto runtime = startRuntime();
    KvChannels channels;
    const auto slow = *channels.subscribe("a");
    const std::string large(KvStore::kValueBytesMax, 'x');
    for (std::size_t bytes = 0; bytes <= KvChannels::kWaitingBytesMax; bytes += large.size())
        REQUIRE(channels.publish("a", large));
    REQUIRE(channels.publish("a", "after"));
    onFiber(runtime->shard(0), [&] {
        CHECK(next(channels, slow) == "missed");
        std::string heard;
        do
            heard = next(channels, slow);
        while (heard == large);
        CHECK(heard == "after");
    });
}

TEST_CASE("kv channels: names, messages and the number of subscriptions have limits") {
    KvChannels channels;
    CHECK_FALSE(channels.subscribe(""));
    CHECK_FALSE(channels.subscribe(std::string(KvStore::kKeyBytesMax + 1, 'c')));
    CHECK(channels.publish("a", std::string(KvStore::kValueBytesMax, 'x')));
    CHECK_FALSE(channels.publish("a", std::string(KvStore::kValueBytesMax + 1, 'x')));
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < KvChannels::kSubscriptionsMax; ++i)
        last = *channels.subscribe("a");
    CHECK_FALSE(channels.subscribe("a"));
    channels.unsubscribe(last);
    CHECK(channels.subscribe("a"));
}

}  // namespace howdah::kernel
