#include "plugins/cache/key.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "plugins/cache/bytes.hpp"

namespace howdah::cache {
namespace {

// Fixed-width numbers and texts behind their sizes: no two queries run into the same bytes.
void addNumber(std::string& key, std::uint64_t number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    key.append(bytes, sizeof bytes);
}

void addText(std::string& key, howdah_str text) {
    addNumber(key, text.size);
    key.append(text.data, text.size);
}

void addParameter(std::string& key, const howdah_value& value) {
    addNumber(key, (std::uint64_t{value.type} << 32) | value.type_oid);
    switch (value.type) {
        case HOWDAH_VALUE_NULL: break;
        case HOWDAH_VALUE_BOOL:
        case HOWDAH_VALUE_INTEGER: addNumber(key, static_cast<std::uint64_t>(value.integer)); break;
        case HOWDAH_VALUE_NUMBER: {
            std::uint64_t bits = 0;
            std::memcpy(&bits, &value.number, sizeof bits);
            addNumber(key, bits);
            break;
        }
        default: addText(key, value.text);
    }
}

bool holds(std::string_view text, std::string_view word) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
    return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

// Both halves of a product: every bit of the one reaches every bit of the hash.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t wordOf(const char* bytes, std::size_t count) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, count);
    return word;
}

}  // namespace

void writeKey(const howdah_query& query, std::string& key) {
    key.clear();
    addNumber(key, query.scope_hash);
    addText(key, query.database);
    addText(key, query.principal->subject);
    addText(key, query.principal->tenant);
    addNumber(key, query.facts->schema_version);
    addNumber(key, query.rows_max);
    addNumber(key, query.bytes_max);
    addNumber(key, query.struct_size > offsetof(howdah_query, rows_skip) ? query.rows_skip : 0);
    addText(key, query.sql);
    addNumber(key, query.parameter_count);
    for (std::uint64_t i = 0; i < query.parameter_count; ++i)
        addParameter(key, query.parameters[i]);
}

KeyParts partsOf(std::string_view key) {
    ByteReader in(key);
    KeyParts parts;
    parts.scope_hash = in.number<std::uint64_t>();
    parts.database = in.text();
    parts.subject = in.text();
    parts.tenant = in.text();
    return parts;
}

std::uint64_t hashOf(std::string_view bytes, std::uint64_t seed) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
    constexpr std::uint64_t kOther = 0xd6e8feb86659fd93ULL;
    std::uint64_t hash = mix(seed ^ kOdd, bytes.size() ^ kOther);
    for (; bytes.size() >= 16; bytes.remove_prefix(16))
        hash = mix(wordOf(bytes.data(), 8) ^ kOther ^ seed, wordOf(bytes.data() + 8, 8) ^ hash);
    if (bytes.size() >= 8) {
        hash = mix(wordOf(bytes.data(), 8) ^ kOther, hash ^ kOdd);
        bytes.remove_prefix(8);
    }
    return mix(wordOf(bytes.data(), bytes.size()) ^ kOdd, hash ^ kOther);
}

bool namesAMoment(const howdah_value* parameters, std::uint64_t count) {
    constexpr std::string_view kWords[] = {"now", "today", "tomorrow", "yesterday"};
    return std::any_of(parameters, parameters + count, [&](const howdah_value& value) {
        if (value.type != HOWDAH_VALUE_TEXT && value.type != HOWDAH_VALUE_JSON) return false;
        const std::string_view text(value.text.data, value.text.size);
        return std::any_of(std::begin(kWords), std::end(kWords), [&](auto word) { return holds(text, word); });
    });
}

}  // namespace howdah::cache
