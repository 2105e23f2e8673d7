// UriTemplate: which URIs a resource template stands for, and what its variables are in one of them.
//
// Two of RFC 6570's expressions: {name} is one or more characters that need no meaning of their own (it ends at the
// next "/", "?", ":" ...), {+name} is everything to the end. So a URI fits in one way only and matching is one walk.
//
// Threads: a value, any.
// Errors:  parse() gives invalid_argument naming the expression and what stands here for it.
// Source:  RFC 6570 sections 2.2, 3.2.2, 3.2.3; RFC 3986 section 2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <howdah/result.hpp>

namespace howdah::kernel {

class UriTemplate {
public:
    using Variables = std::vector<std::pair<std::string_view, std::string>>;  // names are views of the template

    static Result<UriTemplate> parse(std::string_view text);

    // The variables, percent-decoded; empty when the URI does not fit.
    std::optional<Variables> match(std::string_view uri) const;

    const std::string& text() const { return text_; }
    std::vector<std::string_view> names() const;

private:
    struct Part {
        std::string text;  // as it stands in the URI, or the name of a variable
        enum class Kind : unsigned char { literal, simple, reserved } kind;
    };
    std::string text_;
    std::vector<Part> parts_;
};

}  // namespace howdah::kernel
