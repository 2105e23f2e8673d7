#include "table_name.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace howdah::schema {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
        text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
        text.remove_suffix(1);
    return text;
}

struct Part {
    std::string text;
    bool quoted = false;
};

// One identifier from the front of `rest`, up to a dot or the end.
Result<Part> takePart(std::string_view& rest, std::string_view whole) {
    Part part;
    if (!rest.starts_with('"')) {
        std::size_t dot = std::min(rest.find('.'), rest.size());
        part.text = trimmed(rest.substr(0, dot));
        rest.remove_prefix(dot);
        if (part.text.empty()) return Error::invalidArgument("table name ", whole, " has an empty part");
        return part;
    }
    part.quoted = true;
    for (std::size_t at = 1; at < rest.size(); ++at) {
        if (rest[at] != '"') {
            part.text += rest[at];
        } else if (rest.substr(at).starts_with("\"\"")) {
            part.text += rest[at++];
        } else {
            rest = trimmed(rest.substr(at + 1));
            if (part.text.empty()) return Error::invalidArgument("table name ", whole, " has an empty part");
            if (!rest.empty() && rest.front() != '.') {
                return Error::invalidArgument("table name ", whole, " goes on after the closing quote");
            }
            return part;
        }
    }
    return Error::invalidArgument("table name ", whole, " has an opening quote without a closing one");
}

// Edits that turn one word into the other: insert, delete, replace.
std::size_t editDistance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

}  // namespace

Result<TableName> TableName::parse(std::string_view text) {
    std::vector<Part> parts;
    std::string_view rest = trimmed(text);
    while (true) {
        auto part = takePart(rest, text);
        if (!part) return std::move(part).error();
        parts.push_back(std::move(*part));
        if (rest.empty()) break;
        rest = trimmed(rest.substr(1));
    }
    if (parts.size() > 2) {
        return Error::invalidArgument("table name ", text, " has ", parts.size(), " parts")
            .withHint("write schema.table, and name another database with the argument database");
    }
    TableName out;
    if (parts.size() == 2) out.schema = parts.front().text;
    out.name = parts.back().text;
    out.folded = parts.back().quoted ? out.name : lower(out.name);
    return out;
}

std::string likePattern(std::string_view search) {
    std::string escaped;
    for (char c : search) {
        if (c == '_' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return search.find('%') == std::string_view::npos ? "%" + escaped + "%" : escaped;
}

std::vector<std::string> nearestNames(std::string_view word, const std::vector<std::string>& known, std::size_t count) {
    constexpr std::size_t kNameMax = 128;  // longer than schema and table: nobody's typing mistake
    if (word.size() > kNameMax) return {};
    const std::string wanted = lower(word);
    std::vector<std::pair<std::size_t, std::string>> near;
    for (const std::string& name : known) {
        const std::string candidate = lower(name);
        const std::string table = candidate.substr(candidate.find('.') + 1);
        // With a schema the whole name counts; a right table in a wrong schema counts too.
        std::size_t distance =
            std::min(editDistance(wanted, candidate), editDistance(wanted.substr(wanted.find('.') + 1), table));
        const bool contained = wanted.size() >= 3 && table.find(wanted) != std::string::npos;
        if (contained || distance <= std::max<std::size_t>(1, table.size() / 3)) near.emplace_back(distance, name);
    }
    std::sort(near.begin(), near.end());
    std::vector<std::string> out;
    for (std::size_t i = 0; i < near.size() && i < count; ++i)
        out.push_back(std::move(near[i].second));
    return out;
}

}  // namespace howdah::schema
