// Memory that lives as long as one request: bump allocation, freed at once.
//
// Threads: one at a time (the request's fiber, or the worker that stands in for it).
// Errors:  allocate() returns null beyond the limit; the caller reports unavailable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace howdah::kernel {

class Arena {
public:
    // Most requests need a few hundred bytes: the first block is one the allocator has at hand.
    static constexpr std::size_t kFirstBlockBytes = 1000;
    static constexpr std::size_t kBlockBytes = 16 * 1024;
    static constexpr std::size_t kDefaultLimit = 16 * 1024 * 1024;  // bytes one request may hold at once

    explicit Arena(std::size_t limit = kDefaultLimit) : limit_(limit) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // 16-byte aligned; null when the limit would be passed.
    void* allocate(std::size_t size) {
        size = (size + 15) & ~std::size_t{15};
        if (size > free_) {
            if (!grow(size)) return nullptr;
        }
        void* place = next_;
        next_ += size;
        free_ -= size;
        return place;
    }

    // A copy of the text; an empty view with null data when the limit would be passed.
    std::string_view copy(std::string_view text) {
        if (text.empty()) return "";
        void* place = allocate(text.size());
        if (!place) return {};
        std::memcpy(place, text.data(), text.size());
        return {static_cast<const char*>(place), text.size()};
    }

    std::size_t bytesHeld() const { return held_; }

private:
    bool grow(std::size_t size) {
        const std::size_t usual = held_ == 0 ? kFirstBlockBytes : kBlockBytes;
        const std::size_t block = size > usual ? size : usual;
        if (held_ + block > limit_) return false;
        blocks_.push_back(std::unique_ptr<std::byte[]>(new std::byte[block]));
        next_ = blocks_.back().get();
        free_ = block;
        held_ += block;
        return true;
    }

    std::vector<std::unique_ptr<std::byte[]>> blocks_;
    std::byte* next_ = nullptr;
    std::size_t free_ = 0;
    std::size_t held_ = 0;
    std::size_t limit_;
};

}  // namespace howdah::kernel
