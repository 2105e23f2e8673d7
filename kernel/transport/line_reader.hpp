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
    // LF does; empty lines are passed over.
    template <typename Take>
    void taken(std::size_t bytes, Take&& take) {
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
            skipping_ = true;
            buffer_.clear();
        }
        if (buffer_.size() == 0 && buffer_.capacity() > 16 * kReadBytes) buffer_.release();
        scanned_ = buffer_.size();
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

    template <typename Take>
    void give(std::string_view line, Take& take) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (skipping_ || line.size() > line_bytes_max_) {
            skipping_ = false;
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
    bool skipping_ = false;  // the rest of a line that was too long
};

}  // namespace howdah::kernel
