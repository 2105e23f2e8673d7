#include "kernel/protocol/shared_texts.hpp"

#include <charconv>

namespace howdah::kernel {
namespace {

constexpr char kAfterCount = ':';

std::string keyOfPiece(const std::string& key, std::size_t piece) {
    return piece == 0 ? key : concat(key, '/', piece);
}

Error notOurs() {
    return Error::unavailable("what the shared kv holds was not written by an instance with these seal_keys");
}

}  // namespace

Result<std::string> SharedTexts::seal(std::string_view key, std::string_view text,
                                      std::chrono::milliseconds life) const {
    return sealer_.seal(text, Sealer::bindingOf({"shared", key}), Sealer::Clock::now() + life);
}

Result<std::string> SharedTexts::open(std::string_view key, std::string_view sealed) const {
    auto text = sealer_.open(sealed, Sealer::bindingOf({"shared", key}), Sealer::Clock::now());
    if (!text) return notOurs();
    return text;
}

// The first piece, which says how many there are, is written last: who finds it finds all.
Result<void> SharedTexts::put(const std::string& key, std::string_view text, std::chrono::milliseconds ttl) const {
    if (text.size() > kTextMax)
        return Error::invalidArgument("instances share texts of at most ", kTextMax, " bytes, got ", text.size());
    const std::size_t pieces = text.empty() ? 1 : (text.size() + kPieceBytes - 1) / kPieceBytes;
    for (std::size_t piece = pieces; piece-- > 0;) {
        std::string part(text.substr(piece * kPieceBytes, kPieceBytes));
        if (piece == 0) part.insert(0, concat(pieces, kAfterCount));
        const std::string name = keyOfPiece(key, piece);
        auto sealed = seal(name, part, ttl);
        if (!sealed) return std::move(sealed).error();
        if (auto done = kv_.set(name, *sealed, ttl); !done) return done;
    }
    return {};
}

Result<bool> SharedTexts::putIfAbsent(const std::string& key, std::string_view text,
                                      std::chrono::milliseconds ttl) const {
    auto sealed = seal(key, concat(1, kAfterCount, text), ttl);
    if (!sealed) return std::move(sealed).error();
    return kv_.setIfAbsent(key, *sealed, ttl);
}

Result<std::optional<std::string>> SharedTexts::get(const std::string& key) const {
    std::string text;
    std::size_t pieces = 1;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
        const std::string name = keyOfPiece(key, piece);
        auto sealed = kv_.get(name);
        if (!sealed) return std::move(sealed).error();
        if (!*sealed && piece == 0) return std::optional<std::string>();
        if (!*sealed) return Error::unavailable("a text that instances share is no longer whole");
        auto part = open(name, **sealed);
        if (!part) return std::move(part).error();
        if (piece == 0) {
            const char* const end = part->data() + part->size();
            const auto read = std::from_chars(part->data(), end, pieces);
            if (read.ec != std::errc() || read.ptr == end || *read.ptr != kAfterCount || pieces == 0 ||
                pieces > kPiecesMax)
                return notOurs();
            part->erase(0, static_cast<std::size_t>(read.ptr - part->data()) + 1);
        }
        text += *part;
    }
    return std::optional(std::move(text));
}

}  // namespace howdah::kernel
