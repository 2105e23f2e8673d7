#include "stream.hpp"

#include <utility>

namespace howdah::grpc_transport {
namespace {

constexpr char kEnds[] = "the server ends this stream; connect again";
constexpr char kBusy[] = "the server is busy or ends, try again later";

// What an error of the channel means to a gRPC client.
Ending endingOf(const Error& error) {
    switch (error.code) {
        case Code::not_found: return Ending::ok;
        case Code::refused: return Ending::unauthenticated;
        case Code::invalid_argument: return Ending::exhausted;
        default: return Ending::unavailable;
    }
}

std::string textOf(const Error& error) {
    if (error.code == Code::not_found) return {};
    if (error.code == Code::cancelled) return kEnds;
    return error.hint.empty() ? error.message : concat(error.message, "; ", error.hint);
}

}  // namespace

// gRPC's threads ------------------------------------------------------------------------------------------------------

void Stream::arrived(std::string json) {
    {
        std::lock_guard lock(mutex_);
        message_ = std::move(json);
    }
    input_changed_.set();
}

void Stream::inputEnded() {
    {
        std::lock_guard lock(mutex_);
        input_ended_ = true;
    }
    input_changed_.set();
}

void Stream::written(bool ok) {
    {
        std::lock_guard lock(mutex_);
        written_ = ok;
    }
    output_changed_.set();
}

void Stream::gone() {
    {
        std::lock_guard lock(mutex_);
        gone_ = true;
    }
    if (channel_open_) channel_->close();
    input_changed_.set();
    output_changed_.set();
}

// The tasks -----------------------------------------------------------------------------------------------------------

void Stream::up(Context& context, const SpawnDown& spawn_down) {
    auto opened = Channel::open(
        context, {.transport = "grpc", .authorization = caller_.authorization, .address = caller_.address});
    if (!opened) {
        conclude(endingOf(opened.error()), textOf(opened.error()));
        return endSide();
    }
    channel_.emplace(std::move(*opened));
    channel_open_ = true;
    if (isGone()) channel_->close();  // gone() came before there was a channel
    sides_ = 2;
    if (!spawn_down()) neverDown();
    for (std::string message;;) {
        wire_.startRead();
        const Input input = awaitInput(context, message);
        if (input == Input::ended) {
            (void)channel_->finish(context);
            break;
        }
        if (input == Input::over) break;
        auto taken = channel_->submit(context, message);
        if (taken) continue;
        if (taken.error().code == Code::invalid_argument) {
            conclude(endingOf(taken.error()), textOf(taken.error()));
            channel_->close();  // down() ends and tells it
        }
        break;  // else receive() says why
    }
    endSide();
}

void Stream::down(Context& context) {
    for (;;) {
        auto message = channel_->receive(context);
        if (!message) {
            conclude(endingOf(message.error()), textOf(message.error()));
            break;
        }
        wire_.startWrite(*message);
        const Output output = awaitWritten(context);
        if (output == Output::sent) continue;
        if (output == Output::stalled) {
            conclude(Ending::exhausted, concat("nothing of what was sent was read for ", stall_limit_.count(), " ms"),
                     true);
        } else {
            conclude(Ending::unavailable, kEnds, true);
        }
        break;
    }
    endDown();
}

void Stream::endDown() {
    channel_->close();
    {
        std::lock_guard lock(mutex_);
        down_over_ = true;
    }
    input_changed_.set();
    endSide();
}

void Stream::neverUp() {
    conclude(Ending::unavailable, kBusy);
    endSide();
}

void Stream::neverDown() {
    conclude(Ending::unavailable, kBusy);
    endDown();
}

bool Stream::isGone() {
    std::lock_guard lock(mutex_);
    return gone_;
}

Stream::Input Stream::awaitInput(Context& context, std::string& message) {
    for (;;) {
        {
            std::lock_guard lock(mutex_);
            if (down_over_ || gone_) return Input::over;
            if (message_) {
                message = std::move(*message_);
                message_.reset();
                return Input::message;
            }
            if (input_ended_) return Input::ended;
        }
        if (input_changed_.wait(context) < 0) return Input::over;
    }
}

Stream::Output Stream::awaitWritten(Context& context) {
    const auto stall_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(stall_limit_).count());
    const std::uint64_t limit = host_.nowNs() + stall_ns;
    for (;;) {
        {
            std::lock_guard lock(mutex_);
            if (gone_) return Output::gone;
            if (written_) {
                const bool ok = *written_;
                written_.reset();
                return ok ? Output::sent : Output::gone;
            }
        }
        const howdah_status waited = output_changed_.wait(context, limit);
        if (waited == HOWDAH_ERROR_TIMEOUT) return Output::stalled;
        if (waited < 0) return Output::gone;
    }
}

void Stream::conclude(Ending ending, std::string text, bool cut) {
    std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = ending;
    text_ = std::move(text);
    cut_ = cut;
}

// The last task to end tells the wire; until then the other one may still use it.
void Stream::endSide() {
    if (sides_.fetch_sub(1) != 1) return;
    conclude(Ending::unavailable, kEnds);
    if (cut_ && !isGone()) host_.log(LogLevel::warn, "cut off ", caller_.address, ": ", text_);
    wire_.finish(*ending_, text_, cut_ || isGone());
}

}  // namespace howdah::grpc_transport
