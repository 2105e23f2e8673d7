// LineReader: cuts a byte stream into lines and keeps no more of one than the limit.
//
// Threads: one at a time.
// Owns:    the beginning of the line that is not whole yet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "kernel/transport/message_buffer.hpp"

namespace howdah::kernel {

class LineReader {
public:
    enum class Line : std::uint8_t { message, too_long, has_nul };  // the text is given for a message only

    explicit LineReader(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

    // Where to read to, always at least one byte.
    char* room() {
        if (buffer_.room() == 0) buffer_.reserve(std::max(kReadBytes, buffer_.capacity() * 2));
        return buffer_.end();
    }
    std::size_t roomBytes() const { return buffer_.room(); }

    // After reading so many bytes there: calls take(kind, line) for each line that is now whole. CR LF ends a line as
    // LF does; empty lines are passed over. True if a line came to its end.
    template <typename Take>
    bool taken(std::size_t bytes, Take&& take) {
        buffer_.appended(bytes);
        std::size_t begin = 0;
        for (;;) {
            const std::string_view text = buffer_.text();
            const auto* end =
                static_cast<const char*>(std::memchr(text.data() + scanned_, '\n', text.size() - scanned_));
            if (!end) break;
            const std::size_t line_end = static_cast<std::size_t>(end - text.data());
            give(text.substr(begin, line_end - begin), take);
            begin = scanned_ = line_end + 1;
        }
        buffer_.dropFront(begin);
        if (buffer_.size() > line_bytes_max_ + 1) {  // one more for a CR
            if (skipping_ == Skipping::no) skipping_ = Skipping::too_long;
            buffer_.clear();
        }
        if (buffer_.size() == 0 && buffer_.capacity() > 16 * kReadBytes) buffer_.release();
        scanned_ = buffer_.size();
        return begin > 0;
    }

    // A line has begun and has neither ended nor been given up.
    bool hasPartial() const {
        return skipping_ == Skipping::too_long || (skipping_ == Skipping::no && buffer_.size() > 0);
    }
    // Gives it up: the rest of it, to its end, is passed over. Whoever waits for an answer has been told.
    void giveUp() {
        skipping_ = Skipping::told;
        buffer_.clear();
        scanned_ = 0;
    }

    // The stream has ended: what is left counts as a line.
    template <typename Take>
    void end(Take&& take) {
        give(buffer_.text(), take);
        buffer_.clear();
        scanned_ = 0;
    }

private:
    static constexpr std::size_t kReadBytes = 64 * 1024;
    // Why the rest of a line is passed over: it is too long, which is told at its end, or it was given up.
    enum class Skipping : std::uint8_t { no, too_long, told };

    template <typename Take>
    void give(std::string_view line, Take& take) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        const Skipping skipped = std::exchange(skipping_, Skipping::no);
        if (skipped == Skipping::told) return;
        if (skipped == Skipping::too_long || line.size() > line_bytes_max_) {
            take(Line::too_long, std::string_view());
        } else if (!line.empty()) {
            if (std::memchr(line.data(), '\0', line.size())) {
                take(Line::has_nul, std::string_view());
            } else {
                take(Line::message, line);
            }
        }
    }

    const std::size_t line_bytes_max_;
    MessageBuffer buffer_;
    std::size_t scanned_ = 0;
    Skipping skipping_ = Skipping::no;
};

}  // namespace howdah::kernel
