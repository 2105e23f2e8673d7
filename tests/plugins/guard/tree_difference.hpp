// The guard's view of a parse tree held against libpg_query's JSON of the same text, field by field.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>
#include <pg_query.h>

#include <howdah/result.hpp>

#include "plugins/guard/raw_parse.hpp"
#include "plugins/guard/tree_view.hpp"

namespace howdah::guard::test {

class TreeDifference {
public:
    // Where and how the two differ, "" if they do not.
    std::string of(const std::string& sql) {
        const PgQueryParseResult parsed = pg_query_parse(sql.c_str());
        const std::string text = parsed.parse_tree;
        const bool failed = parsed.error != nullptr;
        const std::string message = failed ? parsed.error->message : "";
        const int character = failed ? parsed.error->cursorpos : 0;
        pg_query_free_parse_result(parsed);

        const RawParse raw(sql);
        const RawParse::Failure failure = raw.failure();
        if (failed != (failure.message != nullptr)) return "one of them failed to parse";
        if (failed) {
            const bool same = message == failure.message && character == failure.character;
            return same && raw.statements().empty() ? "" : concat("another failure: ", failure.message);
        }
        ++parsed_;
        const auto json = nlohmann::json::parse(text, nullptr, false);
        if (json.is_discarded()) return "the JSON cannot be read";
        const NodeList statements = raw.statements();
        if (statements.isUnknown() || statements.size() != json["stmts"].size()) return "another number of statements";
        for (std::size_t i = 0; i < statements.size(); ++i)
            if (std::string found = fields(statements[i], json["stmts"][i]); !found.empty()) return found;
        return {};
    }

    int parsedCount() const { return parsed_; }  // texts that are in the grammar
    const std::set<Tag>& tags() const { return tags_; }
    const std::set<std::pair<Tag, Field>>& present() const { return present_; }

private:
    using Json = nlohmann::json;

    std::string named(const NodeView& node, const Json& json) {
        if (!node) return json == Json::object() ? "" : "a node is missing";
        if (node.tag() == Tag::unknown) return "an unknown node";
        const std::string name(node.typeName());
        if (json.size() != 1 || !json.contains(name)) return concat("another node than ", name);
        return fields(node, json[name]);
    }

    std::string fields(const NodeView& node, const Json& json) {
        tags_.insert(node.tag());
        std::size_t met = 0;
        for (const FieldInfo& info : node.fields()) {
            const std::string key = keyOf(node, info);
            const bool present = isWritten(node, info);
            if (present != json.contains(key))
                return concat(node.typeName(), '.', key, present ? " is not" : " is", " in the JSON");
            if (!present) continue;
            if (node.has(info.name)) present_.emplace(node.tag(), info.name);
            ++met;
            if (std::string found = field(node, info, json[key]); !found.empty())
                return concat(node.typeName(), '.', key, ": ", found);
        }
        return met == json.size() ? "" : concat(node.typeName(), " has a field that the table lacks: ", json.dump());
    }

    // The key of a constant's value is that of its only field.
    static std::string keyOf(const NodeView& node, const FieldInfo& info) {
        if (info.kind != FieldKind::value) return std::string(name(info.name));
        const NodeView value = node.child(info);
        return value.fields().empty() ? "val" : std::string(name(value.fields().front().name));
    }

    // The JSON writes the numbers of values only above 0, and these two always.
    static bool isWritten(const NodeView& node, const FieldInfo& info) {
        if (node.tag() == Tag::Integer) return node.number(info) > 0;
        if (node.tag() == Tag::Boolean || (node.tag() == Tag::A_Const && info.name == Field::location)) return true;
        return node.has(info.name);
    }

    std::string field(const NodeView& node, const FieldInfo& info, const Json& json) {
        switch (info.kind) {
            case FieldKind::node: return named(node.child(info), json);
            case FieldKind::fixed:
            case FieldKind::embedded:
                if (node.child(info).tag() != info.fixed_type) return "another type";
                return fields(node.child(info), json);
            case FieldKind::value: return constant(node.child(info), json);
            case FieldKind::list:
            case FieldKind::items: {
                const NodeList list = node.list(info);
                if (list.isUnknown() || list.size() != json.size()) return "another list";
                std::size_t index = 0;
                for (const NodeView item : list)
                    if (std::string found = named(item, json[index++]); !found.empty()) return found;
                return {};
            }
            case FieldKind::text:
            case FieldKind::character: return json == node.text(info) ? "" : concat("text ", json.dump());
            case FieldKind::flag: return json == node.flag(info) ? "" : "flag";
            case FieldKind::enumeration: return enumeration(info, node, json);
            default: return json == node.number(info) ? "" : concat("number ", json.dump());
        }
    }

    std::string constant(const NodeView& value, const Json& json) {
        if (value.tag() == Tag::Boolean)
            return json == (value.flag(Field::boolval) ? Json{{"boolval", true}} : Json::object()) ? "" : "boolean";
        return fields(value, json);
    }

    // Each value has one name, each name one value; where the guard knows the name, it is that one.
    std::string enumeration(const FieldInfo& info, const NodeView& node, const Json& json) {
        const std::string text = json;
        const auto value = static_cast<std::int32_t>(node.number(info));
        const auto named = names_.try_emplace({info.enum_type, value}, text).first;
        const auto valued = values_.try_emplace({info.enum_type, text}, value).first;
        if (named->second != text || valued->second != value) return concat(text, " is not always ", value);
        const std::string_view known = node.text(info);
        return known.empty() || known == text ? "" : concat(known, " is not ", text);
    }

    int parsed_ = 0;
    std::set<Tag> tags_;
    std::set<std::pair<Tag, Field>> present_;
    std::map<std::pair<EnumType, std::int32_t>, std::string> names_;
    std::map<std::pair<EnumType, std::string>, std::int32_t> values_;
};

}  // namespace howdah::guard::test
