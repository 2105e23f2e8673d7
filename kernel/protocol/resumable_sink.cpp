#include "kernel/protocol/resumable_sink.hpp"

#include <utility>

#include "kernel/protocol/errors.hpp"

namespace howdah::kernel {

ResumableSink::ResumableSink(ReplySink& connection, std::shared_ptr<Session> session, std::string_view id,
                             bool accepts_events)
    : connection_(connection), session_(std::move(session)), id_(id) {
    if (!accepts_events) return;
    stream_ = session_->streams.beginAnswer();
    if (stream_ != 0) connection_.resumable(concat(stream_));
}

bool ResumableSink::connected() {
    if (!gone_ && stream_ != 0 && session_->streams.continuesElsewhere(stream_)) gone_ = true;
    return !gone_;
}

Result<void> ResumableSink::notify(std::string_view json) {
    if (connected() && !connection_.notify(json)) gone_ = true;
    if (connection_.primed()) session_->streams.append(stream_, std::string(json));
    return {};
}

Result<void> ResumableSink::write(std::string_view bytes) {
    answered_ = true;
    if (connection_.primed() && !too_large_) {
        too_large_ = answer_.size() + bytes.size() > StreamLog::kBytesMax;
        if (too_large_) {
            answer_ = {};
        } else {
            answer_ += bytes;
        }
    }
    if (connected() && !connection_.write(bytes)) gone_ = true;
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
