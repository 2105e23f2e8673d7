// Result<T>: a value or an Error. The one way a call fails in kernel, SDK and plugins; nothing is thrown across rooms.
//
// Shaped like std::expected (C++23), so that it can become it: has_value(), operator bool, value via *, ->, error().
// An Error holds what a person needs to go on: what was met, the limit, the next step; lower case, no full stop.
// Passwords, connection strings and row values never enter a message.
#pragma once

#include <cassert>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace howdah {

// Numbers are part of the ABI (abi/base.h, HOWDAH_ERROR_*): never renumbered.
enum class Code : std::int32_t {
    invalid_argument = -1,  // the caller's mistake: wrong type, unknown name, out of range
    not_found = -2,         // named thing does not exist or is not visible to this role
    refused = -3,           // policy says no: guard, access, rate limit
    unavailable = -4,       // a part needed is down or full; trying later can help
    timeout = -5,           // a deadline passed
    cancelled = -6,         // the caller went away or took the request back
    database = -7,          // PostgreSQL answered with an error; sqlstate is set
    internal = -8,          // a fault of ours or of a plugin
};

inline std::string_view name(Code code) {
    switch (code) {
        case Code::invalid_argument: return "invalid_argument";
        case Code::not_found: return "not_found";
        case Code::refused: return "refused";
        case Code::unavailable: return "unavailable";
        case Code::timeout: return "timeout";
        case Code::cancelled: return "cancelled";
        case Code::database: return "database";
        case Code::internal: return "internal";
    }
    return "internal";
}

namespace detail {
inline void appendPart(std::string& out, std::string_view part) {
    out += part;
}
inline void appendPart(std::string& out, char part) {
    out += part;
}
template <std::same_as<bool> Bool>  // a template, so that a string literal never turns into one
void appendPart(std::string& out, Bool part) {
    out += part ? "true" : "false";
}
template <typename Number>
    requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool> && !std::is_same_v<Number, char>)
void appendPart(std::string& out, Number part) {
    char digits[40];
    auto end = std::to_chars(digits, digits + sizeof digits, part).ptr;
    out.append(digits, end);
}
template <typename T>
concept Printable = requires(const T& value) {
    { value.toString() } -> std::convertible_to<std::string>;
};
template <Printable T>
void appendPart(std::string& out, const T& part) {
    out += part.toString();
}
}  // namespace detail

// Strings, characters, numbers and anything with toString(), put together without a format string.
template <typename... Parts>
std::string concat(const Parts&... parts) {
    std::string out;
    (detail::appendPart(out, parts), ...);
    return out;
}

struct Error {
    Code code = Code::internal;
    std::string message;
    std::string rule;                  // name of the policy rule that refused, "" if none
    std::string hint;                  // what to do next, "" if the message says it
    std::string detail;                // PostgreSQL's DETAIL, "" if none
    std::string sqlstate;              // five characters, "" unless code is database
    std::uint32_t position = 0;        // 1-based character offset into the statement, 0 = none
    std::uint64_t retry_after_ms = 0;  // 0 = not known

    Error() = default;
    Error(Code error_code, std::string text) : code(error_code), message(std::move(text)) {}

    template <typename... Parts>
    static Error invalidArgument(const Parts&... parts) {
        return {Code::invalid_argument, concat(parts...)};
    }
    template <typename... Parts>
    static Error notFound(const Parts&... parts) {
        return {Code::not_found, concat(parts...)};
    }
    template <typename... Parts>
    static Error refused(const Parts&... parts) {
        return {Code::refused, concat(parts...)};
    }
    template <typename... Parts>
    static Error unavailable(const Parts&... parts) {
        return {Code::unavailable, concat(parts...)};
    }
    template <typename... Parts>
    static Error timeout(const Parts&... parts) {
        return {Code::timeout, concat(parts...)};
    }
    template <typename... Parts>
    static Error cancelled(const Parts&... parts) {
        return {Code::cancelled, concat(parts...)};
    }
    template <typename... Parts>
    static Error database(std::string state, const Parts&... parts) {
        Error error{Code::database, concat(parts...)};
        error.sqlstate = std::move(state);
        return error;
    }
    template <typename... Parts>
    static Error internal(const Parts&... parts) {
        return {Code::internal, concat(parts...)};
    }

    Error&& withHint(std::string text) && {
        hint = std::move(text);
        return std::move(*this);
    }
    Error&& at(std::uint32_t one_based_position) && {
        position = one_based_position;
        return std::move(*this);
    }
};

template <typename T>
class [[nodiscard]] Result {
public:
    using Value = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& operator*() & { return std::get<0>(state_); }
    const T& operator*() const& { return std::get<0>(state_); }
    T&& operator*() && { return std::get<0>(std::move(state_)); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }

    Error& error() & { return std::get<1>(state_); }
    const Error& error() const& { return std::get<1>(state_); }
    Error&& error() && { return std::get<1>(std::move(state_)); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using Value = void;

    Result() = default;
    Result(Error error) : error_(std::make_unique<Error>(std::move(error))) {}  // NOLINT: implicit by design
    Result(const Result& other) : error_(other.error_ ? std::make_unique<Error>(*other.error_) : nullptr) {}
    Result(Result&&) noexcept = default;
    Result& operator=(const Result& other) {
        error_ = other.error_ ? std::make_unique<Error>(*other.error_) : nullptr;
        return *this;
    }
    Result& operator=(Result&&) noexcept = default;
    ~Result() = default;

    bool has_value() const { return !error_; }
    explicit operator bool() const { return has_value(); }

    Error& error() & { return *error_; }
    const Error& error() const& { return *error_; }
    Error&& error() && { return std::move(*error_); }

private:
    std::unique_ptr<Error> error_;  // success costs one null pointer
};

}  // namespace howdah
