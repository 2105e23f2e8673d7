// Numbers and texts as bytes, in the machine's own order: both ends are on one machine.
//
// Owns:   Writer its bytes; Room every piece of memory it gave, until it ends: then the memory is overwritten and
// freed. Errors: a Reader asked for more than there is ends the program: the two ends of a message have come apart.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <howdah/abi/base.h>

namespace howdah::loopback {

using Bytes = std::vector<std::uint8_t>;

class Writer {
public:
    template <typename Number>
        requires std::is_arithmetic_v<Number>
    void number(Number value) {
        auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
    }
    void blob(const void* data, std::uint64_t size) {
        number(size);
        auto* bytes = static_cast<const std::uint8_t*>(data);
        if (size) bytes_.insert(bytes_.end(), bytes, bytes + size);
    }
    Bytes take() { return std::move(bytes_); }

private:
    Bytes bytes_;
};

// Memory that what was read stands in. Each piece is an allocation of its own, so that a sanitizer sees one byte too
// far.
class Room {
public:
    Room() = default;
    // Memory the other side's host gives and frees (its request's arena).
    explicit Room(std::function<void*(std::uint64_t)> source) : source_(std::move(source)) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { clear(); }

    void* take(std::uint64_t size) {
        if (source_) return source_(size);
        pieces_.push_back({std::make_unique<std::uint8_t[]>(size), size});
        return pieces_.back().bytes.get();
    }
    template <typename T>
    T* array(std::uint64_t count) {
        return count ? static_cast<T*>(take(count * sizeof(T))) : nullptr;
    }
    // Whoever still looks here meets 0xDB, not what stood here.
    void clear() {
        for (Piece& piece : pieces_)
            std::memset(piece.bytes.get(), 0xDB, piece.size);
        pieces_.clear();
    }

private:
    struct Piece {
        std::unique_ptr<std::uint8_t[]> bytes;
        std::uint64_t size;
    };
    std::vector<Piece> pieces_;
    std::function<void*(std::uint64_t)> source_;
};

class Reader {
public:
    explicit Reader(const Bytes& bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    template <typename Number>
    Number number() {
        Number value;
        std::memcpy(&value, step(sizeof value), sizeof value);
        return value;
    }
    const std::uint8_t* blob(Room& room, std::uint64_t& size) {
        size = number<std::uint64_t>();
        auto* place = static_cast<std::uint8_t*>(room.take(size));
        if (size) std::memcpy(place, step(size), size);
        return place;
    }
    bool atEnd() const { return next_ == end_; }

private:
    const std::uint8_t* step(std::uint64_t size) {
        if (static_cast<std::uint64_t>(end_ - next_) < size) {
            std::fprintf(stderr, "loopback: a message ends before what it should hold\n");
            std::abort();
        }
        return std::exchange(next_, next_ + size);
    }
    const std::uint8_t* next_;
    const std::uint8_t* end_;
};

}  // namespace howdah::loopback
