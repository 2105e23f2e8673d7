#include "kernel/schema/pattern.hpp"

#include <ranges>

#include "kernel/schema/pattern_parser.hpp"

namespace howdah::kernel {

namespace {

// One code point and how many bytes it took. Instances are valid UTF-8; a stray byte reads as U+FFFD and moves on.
char32_t decode(std::string_view text, std::size_t& at) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) return lead;
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc2 ? 1 : 0;
    if (more == 0 || text.size() - at < more) return 0xfffd;
    char32_t point = lead & (0x3fu >> more);
    for (std::size_t i = 0; i < more; ++i) {
        const auto byte = static_cast<unsigned char>(text[at + i]);
        if ((byte & 0xc0) != 0x80) return 0xfffd;
        point = (point << 6) | (byte & 0x3f);
    }
    at += more;
    return point;
}

}  // namespace

// Turns the parsed tree into states, from the end backwards: emit(node, next) yields the state where `node` begins and
// from which `next` follows. Repetition copies its body, so the bound on states bounds time and memory of everything.
class PatternCompiler {
public:
    explicit PatternCompiler(Pattern& pattern) : pattern_(pattern) {}

    bool compile(const PatternNode& root) {
        pattern_.start_ = emit(root, add({.kind = Pattern::State::Kind::accept}));
        return !full_;
    }

private:
    using State = Pattern::State;

    std::uint32_t add(State state) {
        if (pattern_.states_.size() == Pattern::kStatesMax) {
            full_ = true;
            return 0;
        }
        pattern_.states_.push_back(state);
        return static_cast<std::uint32_t>(pattern_.states_.size() - 1);
    }

    std::uint32_t emit(const PatternNode& node, std::uint32_t next) {
        if (full_) return 0;
        switch (node.kind) {
            case PatternNode::Kind::set: {
                const auto first = static_cast<std::uint32_t>(pattern_.ranges_.size());
                pattern_.ranges_.insert(pattern_.ranges_.end(), node.ranges.begin(), node.ranges.end());
                return add({State::Kind::set, next, 0, first, static_cast<std::uint32_t>(node.ranges.size())});
            }
            case PatternNode::Kind::begin: return add({.kind = State::Kind::begin, .next = next});
            case PatternNode::Kind::end: return add({.kind = State::Kind::end, .next = next});
            case PatternNode::Kind::sequence:
                for (const PatternNode& part : std::views::reverse(node.parts))
                    next = emit(part, next);
                return next;
            case PatternNode::Kind::choice: {
                std::uint32_t start = emit(node.parts.back(), next);
                for (std::size_t i = node.parts.size() - 1; i-- > 0;) {
                    start = add({State::Kind::split, emit(node.parts[i], next), start});
                }
                return start;
            }
            case PatternNode::Kind::repeat: return emitRepeat(node, next);
        }
        return next;
    }

    std::uint32_t emitRepeat(const PatternNode& node, std::uint32_t next) {
        const PatternNode& body = node.parts.front();
        const std::uint32_t after = next;
        if (!node.max) {
            next = add({State::Kind::split, 0, after});
            const std::uint32_t loop = next;
            const std::uint32_t inside = emit(body, loop);
            if (full_) return 0;
            pattern_.states_[loop].next = inside;
        } else {
            for (std::uint32_t i = node.min; i < *node.max && !full_; ++i) {
                next = add({State::Kind::split, emit(body, next), after});
            }
        }
        for (std::uint32_t i = 0; i < node.min && !full_; ++i) {
            const std::uint32_t start = emit(body, next);
            if (start == next) break;  // an empty body: a thousand more of them change nothing
            next = start;
        }
        return next;
    }

    Pattern& pattern_;
    bool full_ = false;
};

// The states alive at one position of the text, each at most once.
class Pattern::Run {
public:
    Run(const Pattern& pattern, std::size_t size) : pattern_(pattern), size_(size) {}

    // Adds a state and everything reachable from it without reading; true when that is acceptance.
    bool add(std::uint32_t first, std::size_t position) {
        std::size_t pending = 0;
        push(first, pending);
        while (pending != 0) {
            const std::uint32_t index = stack_[--pending];
            const State& state = pattern_.states_[index];
            switch (state.kind) {
                case State::Kind::accept: return true;
                case State::Kind::set: alive_[count_++] = static_cast<std::uint16_t>(index); break;
                case State::Kind::begin:
                    if (position == 0) push(state.next, pending);
                    break;
                case State::Kind::end:
                    if (position == size_) push(state.next, pending);
                    break;
                case State::Kind::split:
                    push(state.other, pending);
                    push(state.next, pending);
                    break;
            }
        }
        return false;
    }

    void clear() {
        count_ = 0;
        seen_.fill(0);
    }
    std::size_t count() const { return count_; }
    std::uint32_t operator[](std::size_t i) const { return alive_[i]; }

private:
    void push(std::uint32_t index, std::size_t& pending) {
        std::uint64_t& word = seen_[index / 64];
        const std::uint64_t bit = std::uint64_t{1} << (index % 64);
        if (word & bit) return;
        word |= bit;
        stack_[pending++] = static_cast<std::uint16_t>(index);
    }

    const Pattern& pattern_;
    std::size_t size_;
    std::size_t count_ = 0;
    std::array<std::uint64_t, kStatesMax / 64> seen_{};
    std::array<std::uint16_t, kStatesMax> alive_;  // only [0, count_) is read
    std::array<std::uint16_t, kStatesMax> stack_;
};

bool Pattern::search(std::string_view text) const {
    Run first(*this, text.size()), second(*this, text.size());
    Run* now = &first;
    Run* next = &second;
    for (std::size_t at = 0;;) {
        if (now->add(start_, at)) return true;  // unanchored: a match may begin at every position
        if (at == text.size()) return false;
        const char32_t point = decode(text, at);
        next->clear();
        for (std::size_t i = 0; i < now->count(); ++i) {
            const State& state = states_[(*now)[i]];
            const Range* range = ranges_.data() + state.ranges;
            const Range* const end = range + state.count;
            while (range != end && range->last < point)
                ++range;
            if (range != end && range->first <= point && next->add(state.next, at)) return true;
        }
        std::swap(now, next);
    }
}

Result<Pattern> Pattern::compile(std::string_view source) {
    auto tree = parsePattern(source);
    if (!tree) return tree.error();
    Pattern pattern;
    pattern.source_ = source;
    if (!PatternCompiler(pattern).compile(*tree)) {
        return Error::invalidArgument("pattern needs more than ", kStatesMax, " states");
    }
    return pattern;
}

}  // namespace howdah::kernel
