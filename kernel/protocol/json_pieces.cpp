#include "kernel/protocol/json_pieces.hpp"

#include <cstring>

#include <howdah/json_text.hpp>

namespace howdah::kernel {
namespace {

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Bytes a character has by its first byte; 1 for what can start none.
std::size_t lengthOf(char first) {
    auto c = static_cast<unsigned char>(first);
    if (c >= 0xC2 && c <= 0xDF) return 2;
    if (c >= 0xE0 && c <= 0xEF) return 3;
    if (c >= 0xF0 && c <= 0xF4) return 4;
    return 1;
}

// How many bytes at the end begin a character that is not whole.
std::size_t unfinishedTail(std::string_view text) {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        char c = text[text.size() - back];
        if (!continues(c)) return lengthOf(c) > back ? back : 0;
    }
    return 0;
}

}  // namespace

void PieceEscaper::append(std::string& out, std::string_view piece) {
    if (held_count_ > 0) {
        std::size_t whole = lengthOf(held_[0]);
        while (held_count_ < whole && !piece.empty() && continues(piece[0])) {
            held_[held_count_++] = piece[0];
            piece.remove_prefix(1);
        }
        if (held_count_ < whole && piece.empty()) return;
        appendEscaped(out, {held_, held_count_});
        held_count_ = 0;
    }
    std::size_t tail = unfinishedTail(piece);
    appendEscaped(out, piece.substr(0, piece.size() - tail));
    if (tail > 0) std::memcpy(held_, piece.data() + piece.size() - tail, tail);
    held_count_ = tail;
}

void PieceEscaper::finish(std::string& out) {
    appendEscaped(out, {held_, held_count_});
    held_count_ = 0;
}

void appendJsonLine(std::string& out, std::string_view json) {
    const std::size_t start = out.size();
    out += json;
    // One search for each of the two: find_first_of would call memchr for every byte.
    for (char line_end : {'\n', '\r'}) {
        for (std::size_t at = start; (at = out.find(line_end, at)) != std::string::npos; ++at)
            out[at] = ' ';
    }
}

}  // namespace howdah::kernel
