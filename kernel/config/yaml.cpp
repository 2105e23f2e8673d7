#include "kernel/config/yaml.hpp"

#include <charconv>
#include <sstream>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace howdah::kernel {

namespace {

// Ends the parse from inside yaml-cpp; caught in parseYaml() and nowhere else.
struct Refusal {
    Position position;
    std::string text;
};

Position positionOf(const YAML::Mark& mark) {
    return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

class Builder final : public YAML::EventHandler {
public:
    Builder(YamlDocument& document, std::size_t depth_max) : document_(document), depth_max_(depth_max) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ != 0) throw Refusal{positionOf(mark), "a second document begins here, only one is read"};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        check(mark, "", anchor);
        if (expectsKey()) throw Refusal{positionOf(mark), "a key must be text"};
        place(mark, nullptr);
        leave();
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw Refusal{positionOf(mark), "aliases (*name) are not read, write the value out"};
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        check(mark, tag, anchor);
        if (expectsKey()) return takeKey(mark, value);
        const bool plain = tag != "!";  // yaml-cpp's tags of untagged scalars: "!" quoted or block, "?" plain
        if (plain && value.find_first_of("&*") == 0)
            throw Refusal{positionOf(mark), "quote a value that begins with & or *"};
        Json* placed = place(mark, plain ? typedScalar(value) : Json(value));
        if (plain && placed->is_string()) document_.plain.insert(pointer_);
        leave();
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Json::array());
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Json::object());
    }
    void OnMapEnd() override { close(); }

private:
    struct Level {
        Json* container;
        std::size_t pointer_size;  // of the container's own pointer
        bool has_key = false;      // map: the key is read, its value comes next
    };

    bool expectsKey() const { return !open_.empty() && open_.back().container->is_object() && !open_.back().has_key; }
    void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
        if (anchor != 0) throw Refusal{positionOf(mark), "anchors (&name) are not read, write the value out"};
        if (!tag.empty() && tag != "!" && tag != "?") throw Refusal{positionOf(mark), "tags (!type) are not read"};
    }

    void takeKey(const YAML::Mark& mark, const std::string& key) {
        Level& level = open_.back();
        if (key == "<<") throw Refusal{positionOf(mark), "merge keys (<<) are not read, write the keys out"};
        if (level.container->contains(key)) {
            std::string first = pointer_;
            appendPointer(first, key);
            Position before = document_.positions.at(first);
            throw Refusal{positionOf(mark), concat(dotted(first), ": stands twice, first at line ", before.line)};
        }
        appendPointer(pointer_, key);
        document_.positions[pointer_] = positionOf(mark);
        next_ = &(*level.container)[key];
        level.has_key = true;
    }

    // Puts a value where it belongs; pointer_ names it until leave().
    Json* place(const YAML::Mark& mark, Json value) {
        if (open_.empty()) {
            document_.positions[""] = positionOf(mark);
            document_.root = std::move(value);
            return &document_.root;
        }
        if (Json* container = open_.back().container; container->is_array()) {
            appendPointer(pointer_, container->size());
            document_.positions[pointer_] = positionOf(mark);
            return &container->emplace_back(std::move(value));
        }
        *next_ = std::move(value);
        return next_;
    }
    void leave() {
        if (open_.empty()) return;
        pointer_.resize(open_.back().pointer_size);
        open_.back().has_key = false;
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json empty) {
        check(mark, tag, anchor);
        if (expectsKey()) throw Refusal{positionOf(mark), "a key must be text"};
        if (open_.size() == depth_max_) {
            throw Refusal{positionOf(mark), concat("nested deeper than ", depth_max_, " levels")};
        }
        Json* container = place(mark, std::move(empty));
        open_.push_back({container, pointer_.size()});
    }
    void close() {
        open_.pop_back();
        leave();
    }

    YamlDocument& document_;
    std::size_t depth_max_;
    std::size_t documents_ = 0;
    std::vector<Level> open_;
    Json* next_ = nullptr;  // where the value of the last key goes
    std::string pointer_;
};

// What must not reach yaml-cpp: it guesses at other encodings and lets tabs through in places.
void checkText(std::string_view text) {
    Position at{1, 1};
    bool line_start = true;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        std::size_t length = 1;
        if (byte >= 0x80) {
            length = detail::utf8Sequence(text.data() + i, text.data() + text.size());
            if (length == 0) throw Refusal{at, "not valid UTF-8, save the file as UTF-8"};
        } else if (byte == '\t' && line_start) {
            throw Refusal{at, "a tab cannot indent YAML, use spaces"};
        } else if (byte == '\r' && text.substr(i + 1, 1) != "\n") {
            throw Refusal{at, "a carriage return without a line feed ends no line, save the file with LF or CR LF"};
        } else if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
            throw Refusal{at, "control characters are not text, is this a binary file?"};
        }
        line_start = byte == '\n' || (line_start && byte == ' ');
        i += length;
        at =
            byte == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + static_cast<std::uint32_t>(length)};
    }
}

bool isDigits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool isDecimal(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    std::string_view exponent;
    if (auto e = text.find_first_of("eE"); e != std::string_view::npos) {
        exponent = text.substr(e + 1);
        text = text.substr(0, e);
        if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
        if (!isDigits(exponent)) return false;
    }
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return !exponent.empty() && isDigits(text) && (text == "0" || text[0] != '0');
    std::string_view whole = text.substr(0, dot), fraction = text.substr(dot + 1);
    if (whole.size() > 1 && whole[0] == '0') return false;
    return isDigits(whole) && (fraction.empty() || isDigits(fraction));
}

}  // namespace

Json typedScalar(std::string_view text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    std::string_view number = text;
    // from_chars knows no plus sign, and "+-5" is no number.
    if (number.starts_with('+') && !number.starts_with("+-")) number.remove_prefix(1);
    std::string_view digits = number;
    if (digits.starts_with('-') && digits.size() == number.size()) digits.remove_prefix(1);
    const char* const end = number.data() + number.size();
    if (isDigits(digits) && (digits.size() == 1 || digits[0] != '0')) {
        std::int64_t whole = 0;
        if (std::from_chars(number.data(), end, whole).ec == std::errc()) return whole;
        std::uint64_t large = 0;
        if (auto read = std::from_chars(number.data(), end, large); read.ec == std::errc() && read.ptr == end)
            return large;
        return std::string(text);  // too large to be exact: the schema will say that a number is wanted
    }
    double real = 0;
    if (isDecimal(text) && std::from_chars(number.data(), end, real).ec == std::errc()) return real;
    return std::string(text);
}

Position YamlDocument::positionOf(std::string_view pointer) const {
    while (true) {
        if (auto found = positions.find(pointer); found != positions.end()) return found->second;
        if (pointer.empty()) return {};
        pointer = pointer.substr(0, pointer.rfind('/'));
    }
}

std::string YamlDocument::describe(std::string_view pointer, std::string_view text) const {
    const Position at = positionOf(pointer);
    std::string out = file;
    if (at.line != 0) out += concat(":", at.line, ":", at.column);
    out += ": ";
    if (!pointer.empty()) out += dotted(pointer) + ": ";
    return out += text;
}

Result<YamlDocument> parseYaml(std::string_view text, std::string file, YamlLimits limits) {
    if (text.size() > limits.bytes_max) {
        return Error::invalidArgument(file, ": ", text.size(), " bytes are above the limit of ", limits.bytes_max);
    }
    YamlDocument document;
    document.file = std::move(file);
    auto refuse = [&document](Position at, std::string_view why) {
        return Error::invalidArgument(document.file, ":", at.line, ":", at.column, ": ", why);
    };
    try {
        checkText(text);
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        Builder builder(document, limits.depth_max);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Refusal& refusal) {
        return refuse(refusal.position, refusal.text);
    } catch (const YAML::Exception& met) {
        return refuse(positionOf(met.mark), met.msg);
    }
    return document;
}

namespace {

void emit(YAML::Emitter& out, const Json& value) {
    switch (value.type()) {
        case Json::value_t::object:
            if (value.empty()) out << YAML::Flow;
            out << YAML::BeginMap;
            for (const auto& [key, inside] : value.items()) {
                out << YAML::Key;
                emit(out, Json(key));
                out << YAML::Value;
                emit(out, inside);
            }
            out << YAML::EndMap;
            return;
        case Json::value_t::array:
            if (value.empty()) out << YAML::Flow;
            out << YAML::BeginSeq;
            for (const Json& inside : value)
                emit(out, inside);
            out << YAML::EndSeq;
            return;
        case Json::value_t::string: {
            const auto& text = value.get_ref<const std::string&>();
            // Quoted wherever it would come back as something else than text, and wherever a reference must not be
            // typed.
            if (!typedScalar(text).is_string() || text.starts_with("${") || text == "<<") out << YAML::DoubleQuoted;
            out << text;
            return;
        }
        case Json::value_t::null: out << YAML::Null; return;
        default: out << dumpJson(value); return;  // numbers and booleans are spelled alike
    }
}

}  // namespace

std::string toYaml(const Json& value) {
    YAML::Emitter out;
    emit(out, value);
    return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace howdah::kernel
