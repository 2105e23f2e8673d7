// Numbers and texts one after the other, and back. A reader that runs out gives zeros and is never at its end.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace howdah::cache {

class ByteWriter {
public:
    template <typename Number>
    void number(Number value) {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        bytes_.append(bytes, sizeof bytes);
    }
    void text(std::string_view value) {
        number(static_cast<std::uint64_t>(value.size()));
        bytes_.append(value);
    }
    std::string&& bytes() && { return std::move(bytes_); }

private:
    std::string bytes_;
};

class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : left_(bytes) {}

    template <typename Number>
    Number number() {
        Number value{};
        if (left_.size() < sizeof value) return fail(), value;
        std::memcpy(&value, left_.data(), sizeof value);
        left_.remove_prefix(sizeof value);
        return value;
    }
    std::string_view text() {
        const auto size = number<std::uint64_t>();
        if (size > left_.size()) return fail(), std::string_view{};
        const std::string_view value = left_.substr(0, size);
        left_.remove_prefix(size);
        return value;
    }
    // How many things follow that take at least so many bytes each: no more than there is room for.
    std::size_t count(std::size_t bytes_each) {
        const auto value = number<std::uint32_t>();
        if (value > left_.size() / bytes_each) return fail(), 0;
        return value;
    }
    bool atEnd() const { return sound_ && left_.empty(); }

private:
    void fail() {
        sound_ = false;
        left_ = {};
    }
    std::string_view left_;
    bool sound_ = true;
};

}  // namespace howdah::cache
