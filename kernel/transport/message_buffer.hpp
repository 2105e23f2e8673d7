// MessageBuffer: bytes of incoming messages, always with the padding a JSON parser may read beyond them.
//
// Threads: one at a time.
// Owns:    its storage; views into it end with reserve(), dropFront() and destruction.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace howdah::kernel {

class MessageBuffer {
public:
    static constexpr std::size_t kPadding = 64;  // readable beyond the last byte, simdjson's demand

    std::size_t size() const { return size_; }
    std::size_t capacity() const { return capacity_; }
    std::size_t room() const { return capacity_ - size_; }
    std::string_view text() const { return {bytes_.get(), size_}; }

    // Where the next bytes are read to, room() of them; then appended(count).
    char* end() { return bytes_.get() + size_; }
    void appended(std::size_t count) {
        assert(count <= room());
        size_ += count;
    }
    void append(std::string_view bytes) {
        if (bytes.size() > room()) reserve(size_ + bytes.size());
        if (!bytes.empty()) std::memcpy(end(), bytes.data(), bytes.size());
        size_ += bytes.size();
    }

    void reserve(std::size_t capacity) {
        if (capacity <= capacity_) return;
        std::unique_ptr<char[]> larger(new char[capacity + kPadding]);
        if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
        std::memset(larger.get() + capacity, 0, kPadding);
        bytes_ = std::move(larger);
        capacity_ = capacity;
    }

    void clear() { size_ = 0; }
    // The storage too.
    void release() {
        bytes_.reset();
        size_ = capacity_ = 0;
    }
    void dropFront(std::size_t count) { dropBetween(0, count); }
    void dropBetween(std::size_t begin, std::size_t end) {
        assert(begin <= end && end <= size_);
        if (begin == end) return;
        std::memmove(bytes_.get() + begin, bytes_.get() + end, size_ - end);
        size_ -= end - begin;
    }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace howdah::kernel
