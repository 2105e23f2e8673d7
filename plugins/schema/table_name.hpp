// A table's name as a person or a model writes it: orders, shop.orders, "Order Lines", shop."Order Lines".
//
// Threads: any.
// Errors:  invalid_argument, with what was met.
// Source:  PostgreSQL manual, "Identifiers and Key Words".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::schema {

struct TableName {
    std::optional<std::string> schema;
    std::string name;    // as written, quotes taken off
    std::string folded;  // what PostgreSQL makes of it: lower case unless it was quoted

    static Result<TableName> parse(std::string_view text);
};

// The LIKE pattern of a search: without a % a part of the name. _ and \ stand for themselves.
std::string likePattern(std::string_view search);

// The known names nearest to a mistyped one, at most `count`, the nearest first.
std::vector<std::string> nearestNames(std::string_view word, const std::vector<std::string>& known, std::size_t count);

}  // namespace howdah::schema
