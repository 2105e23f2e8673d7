#include "kernel/base/json.hpp"

#include <cstdint>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace howdah::kernel {

namespace {

// Tells the builder how far the parser has read: nlohmann's SAX events carry no position.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        *reached_ = ++at_;
        return *this;
    }
    CountingIterator operator++(int) {
        CountingIterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
    bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

private:
    const char* at_;
    const char** reached_;
};

class Builder final : public nlohmann::json_sax<Json> {
public:
    Builder(std::string_view text, const char** reached, std::size_t depth_max)
        : text_(text), reached_(reached), depth_max_(depth_max) {}

    bool null() override { return add(nullptr); }
    bool boolean(bool truth) override { return add(truth); }
    bool number_integer(number_integer_t number) override { return add(number); }
    bool number_unsigned(number_unsigned_t number) override { return add(number); }
    bool number_float(number_float_t number, const string_t&) override { return add(number); }
    bool string(string_t& text) override { return add(std::move(text)); }
    bool binary(binary_t&) override { return refuse("binary values are not JSON"); }

    bool start_object(std::size_t) override { return open(Json::object()); }
    bool key(string_t& name) override {
        Json& object = *open_.back();
        if (object.contains(name)) return refuse(concat("key ", Json(name).dump(), " stands twice in one object"));
        next_ = &object[name];
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& what) override {
        // position counts from 1 and names the last byte read; the text repeats it, so only its end is kept.
        std::string_view reason = what.what();
        if (auto colon = reason.find(": "); colon != std::string_view::npos) reason.remove_prefix(colon + 2);
        if (auto cut = reason.find("; last read"); cut != std::string_view::npos) reason = reason.substr(0, cut);
        if (auto dash = reason.find(" - "); dash != std::string_view::npos) reason.remove_prefix(dash + 3);
        return refuseAt(position == 0 ? 0 : position - 1, std::string(reason));
    }

    Result<Json> take() {
        if (!problem_.empty()) return Error::invalidArgument(problem_);
        return std::move(root_);
    }

private:
    template <typename T>
    bool add(T&& value) {
        place(Json(std::forward<T>(value)));
        return true;
    }
    Json* place(Json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        if (open_.back()->is_array()) return &open_.back()->emplace_back(std::move(value));
        *next_ = std::move(value);
        return next_;
    }
    bool open(Json empty) {
        if (open_.size() == depth_max_) return refuse(concat("nested deeper than ", depth_max_, " levels"));
        open_.push_back(place(std::move(empty)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }
    bool refuse(std::string_view reason) {
        // The parser has read exactly up to the end of the token that led here.
        return refuseAt(static_cast<std::size_t>(*reached_ - text_.data()) - 1, reason);
    }
    bool refuseAt(std::size_t offset, std::string_view reason) {
        if (problem_.empty()) problem_ = concat("not valid JSON at byte ", offset, ": ", reason);
        return false;
    }

    std::string_view text_;
    const char** reached_;
    std::size_t depth_max_;
    Json root_;
    std::vector<Json*> open_;  // the containers around the current place; parents do not move while they are open
    Json* next_ = nullptr;     // where the value of the last key goes
    std::string problem_;
};

}  // namespace

Result<Json> parseJson(std::string_view text, JsonLimits limits) {
    if (text.size() > limits.bytes_max) {
        return Error::invalidArgument("JSON text of ", text.size(), " bytes is above the limit of ", limits.bytes_max);
    }
    const char* reached = text.data();
    Builder builder(text, &reached, limits.depth_max);
    CountingIterator begin(text.begin(), &reached);
    CountingIterator end(text.end(), &reached);
    Json::sax_parse(begin, end, &builder);
    return builder.take();
}

std::string dumpJson(const Json& value, int indent) {
    return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void appendPointer(std::string& pointer, std::string_view key) {
    pointer += '/';
    for (char c : key) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
}

void appendPointer(std::string& pointer, std::size_t index) {
    pointer += '/';
    pointer += std::to_string(index);
}

std::string dotted(std::string_view pointer) {
    std::string out;
    for (std::size_t i = pointer.empty() ? 0 : 1; i < pointer.size(); ++i) {
        if (pointer[i] == '/') {
            out += '.';
        } else if (pointer[i] == '~' && i + 1 < pointer.size()) {
            out += pointer[++i] == '0' ? '~' : '/';
        } else {
            out += pointer[i];
        }
    }
    return out;
}

}  // namespace howdah::kernel
