#include "kernel/runtime/socket_watch.hpp"

#include <cassert>
#include <cstdint>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "kernel/runtime/shard.hpp"

namespace howdah::kernel {

namespace asio = boost::asio;

struct SocketWatch::State : std::enable_shared_from_this<State> {
    explicit State(Shard& owner) : shard(owner), descriptor(owner.io()) {}
    // A stream_descriptor would close what is not ours.
    ~State() { release(); }

    void release() {
        if (descriptor.is_open()) descriptor.release();
    }

    void arm(Mask condition, asio::posix::stream_descriptor::wait_type type) {
        ++outstanding;
        descriptor.async_wait(
            type, [self = shared_from_this(), condition, wait = wait_number](const boost::system::error_code& error) {
                if (wait != self->wait_number) return;  // that wait ended by timeout or cancellation
                --self->outstanding;
                if (error == asio::error::operation_aborted) return;
                self->ready |= condition;
                self->shard.handle([&] { self->event.set(); });
            });
    }

    Shard& shard;
    asio::posix::stream_descriptor descriptor;
    Event event;
    std::uint64_t wait_number = 0;
    unsigned outstanding = 0;
    unsigned ready = 0;
    bool waiting = false;
};

Result<std::unique_ptr<SocketWatch>> SocketWatch::adopt(Shard& shard, int descriptor) {
    assert(Shard::current() == &shard);
    auto state = std::make_shared<State>(shard);
    boost::system::error_code error;
    state->descriptor.assign(descriptor, error);
    if (error) return Error::internal("cannot watch descriptor ", descriptor, ": ", error.message());
    return std::unique_ptr<SocketWatch>(new SocketWatch(std::move(state)));
}

SocketWatch::SocketWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}

SocketWatch::~SocketWatch() {
    release();
}

WaitStatus SocketWatch::wait(unsigned mask, Cancellation* cancellation, Deadline deadline) {
    State& state = *state_;
    assert(state.descriptor.is_open() && !state.waiting && (mask & (readable | writable)));
    state.waiting = true;
    state.ready = 0;
    state.event.reset();
    if (mask & readable) state.arm(readable, asio::posix::stream_descriptor::wait_read);
    if (mask & writable) state.arm(writable, asio::posix::stream_descriptor::wait_write);

    const WaitStatus status = state.event.wait(cancellation, deadline);

    state.waiting = false;
    ++state.wait_number;  // handlers still to come belong to the past
    if (std::exchange(state.outstanding, 0u) > 0) {
        boost::system::error_code error;
        state.descriptor.cancel(error);
        assert(!error && "only a closed descriptor cannot be cancelled");
    }
    return status;
}

unsigned SocketWatch::ready() const {
    return state_->ready;
}

void SocketWatch::release() {
    assert(!state_->waiting && "released while a fiber waits for it");
    state_->release();
}

}  // namespace howdah::kernel
