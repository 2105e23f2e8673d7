#include "kernel/protocol/resumable_sink.hpp"

#include <utility>

#include "kernel/protocol/errors.hpp"

namespace howdah::kernel {

ResumableSink::ResumableSink(ReplySink& connection, std::shared_ptr<Session> session, std::string_view id,
                             bool accepts_events)
    : connection_(connection), session_(std::move(session)), id_(id) {
    if (!accepts_events) return;
    stream_ = session_->streams.beginAnswer(id);
    if (stream_ != 0) connection_.resumable(session_->streams.nameOf(stream_), primesStreams(session_->revision));
}

bool ResumableSink::connected() {
    // Only a client that was given an id can have come back elsewhere.
    if (!gone_ && connection_.primed() && session_->streams.continuesElsewhere(stream_)) gone_ = true;
    return !gone_;
}

Result<void> ResumableSink::notify(std::string_view json) {
    if (answered_) return {};  // the connection would drop it too
    // On the log first: a client may be back with the id of this event before the connection has taken it whole. Where
    // events can have ids, this one primes the client.
    if (stream_ != 0) session_->streams.append(stream_, std::string(json));
    if (connected() && !connection_.notify(json)) gone_ = true;
    return {};
}

Result<void> ResumableSink::write(std::string_view bytes) {
    answered_ = true;
    if (connected() && !connection_.write(bytes)) gone_ = true;
    // After it: the first piece may have begun the stream, for a client that takes events only.
    if (!connection_.primed() || too_large_) return {};
    too_large_ = answer_.size() + bytes.size() > StreamLog::kBytesMax;
    if (too_large_) {
        answer_ = {};
    } else {
        answer_ += bytes;
    }
    return {};
}

// The connection's own end is for whoever gave it to us.
Result<void> ResumableSink::finish() {
    const StreamLog::Number stream = std::exchange(stream_, 0);
    if (stream == 0) return {};
    if (too_large_) {
        answer_ =
            errorResponse(id_, {.code = kInternalError,
                                .message = concat("the answer is larger than the ", StreamLog::kBytesMax,
                                                  " bytes kept for a client that comes back; ask for a smaller part")});
    }
    session_->streams.finishAnswer(stream, connection_.primed() && answered_ ? std::move(answer_) : "");
    return {};
}

}  // namespace howdah::kernel
