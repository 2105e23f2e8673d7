#include <deque>
#include <unordered_map>

#include "kernel/schema/program.hpp"
#include "kernel/schema/reference.hpp"

namespace howdah::kernel {

namespace {

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";

// Keywords that change what is valid and that this validator does not know. Ignoring one would accept too much.
constexpr std::pair<std::string_view, std::string_view> kRefused[] = {
    {"unevaluatedProperties", "is not supported yet, use additionalProperties"},
    {"unevaluatedItems", "is not supported yet, use items"},
    {"$dynamicRef", "is not supported, use $ref"},
    {"$dynamicAnchor", "is not supported, use $defs and $ref"},
    {"$recursiveRef", "is of an older draft, use $ref"},
    {"dependencies", "is of an older draft, use dependentRequired or dependentSchemas"},
    {"additionalItems", "is of an older draft, use prefixItems and items"},
};

class Compiler {
public:
    Compiler(const Json& root, const SchemaLimits& limits, Schema::Program& program)
        : root_(root), limits_(limits), program_(program) {}

    std::string compile() {
        program_.root = child(root_);
        // Targets of $ref wait here instead of being compiled where they are met: a chain of them is not stack.
        while (problem_.empty() && !waiting_.empty()) {
            Waiting next = std::move(waiting_.front());
            waiting_.pop_front();
            pointer_ = std::move(next.pointer);
            if (!started_[next.id]) fill(next.id, *next.schema);
        }
        return problem_;
    }

private:
    struct Waiting {
        NodeId id;
        const Json* schema;
        std::string pointer;
    };

    void refuse(std::string_view keyword, std::string_view why) {
        if (!problem_.empty()) return;
        std::string where = pointer_;
        if (!keyword.empty()) appendPointer(where, keyword);
        problem_ = concat("schema at ", where.empty() ? "the root" : where, ": ", why);
    }

    // The node of a schema, made on first sight.
    NodeId reserve(const Json& schema) {
        auto [place, is_new] = known_.try_emplace(&schema, static_cast<NodeId>(program_.nodes.size()));
        if (!is_new) return place->second;
        if (program_.nodes.size() == limits_.subschemas_max) {
            refuse("", concat("more than ", limits_.subschemas_max, " subschemas"));
            return 0;
        }
        program_.nodes.emplace_back();
        started_.push_back(false);
        return place->second;
    }

    NodeId child(const Json& schema) {
        NodeId id = reserve(schema);
        if (problem_.empty() && !started_[id]) fill(id, schema);
        return id;
    }
    // A child under a keyword (and a name or index below it), so that a refusal can say where.
    template <typename... Steps>
    NodeId childAt(const Json& schema, const Steps&... steps) {
        const std::size_t length = pointer_.size();
        (appendPointer(pointer_, steps), ...);
        NodeId id = child(schema);
        pointer_.resize(length);
        return id;
    }

    void fill(NodeId id, const Json& schema) {
        started_[id] = true;
        Node node;
        if (schema.is_boolean()) {
            node.types = schema.get<bool>() ? kAnyType : 0;
        } else if (!schema.is_object()) {
            refuse("", "a schema is an object, true or false");
        } else {
            checkDialect(schema);
            types(schema, node);
            numbers(schema, node);
            strings(schema, node);
            arrays(schema, node);
            objects(schema, node);
            logic(schema, node);
            definitions(schema);
        }
        program_.nodes[id] = std::move(node);
    }

    static const Json* find(const Json& schema, std::string_view keyword) {
        auto member = schema.find(keyword);
        return member == schema.end() ? nullptr : &*member;
    }

    void checkDialect(const Json& schema) {
        for (const auto& [keyword, why] : kRefused) {
            if (schema.contains(keyword)) refuse(keyword, why);
        }
        if (const Json* dialect = find(schema, "$schema")) {
            std::string_view name = dialect->is_string() ? dialect->get_ref<const std::string&>() : std::string_view();
            if (name.ends_with('#')) name.remove_suffix(1);
            if (name != kDialect) refuse("$schema", concat("only ", kDialect, " is understood"));
        }
        if (&schema != &root_ && schema.contains("$id")) refuse("$id", "is understood at the root only");
    }

    void types(const Json& schema, Node& node) {
        if (const Json* type = find(schema, "type")) {
            node.types = 0;
            if (type->is_array()) {
                for (const Json& name : *type)
                    node.types |= typeBit(name);
            } else {
                node.types = typeBit(*type);
            }
            if (node.types == 0) refuse("type", "names no type");
        }
        if (const Json* list = find(schema, "enum")) {
            if (!list->is_array() || list->empty()) return refuse("enum", "must be an array of at least one value");
            node.allowed = std::make_unique<std::vector<Json>>(list->begin(), list->end());
        }
        if (const Json* value = find(schema, "const")) {
            const bool both = node.allowed != nullptr;
            if (both && std::find(node.allowed->begin(), node.allowed->end(), *value) == node.allowed->end()) {
                node.types = 0;
            }
            node.allowed = std::make_unique<std::vector<Json>>(1, *value);
        }
    }

    std::uint8_t typeBit(const Json& name) {
        static constexpr std::pair<std::string_view, std::uint8_t> kNames[] = {
            {"string", kString}, {"integer", kInteger}, {"number", kNumber}, {"boolean", kBoolean},
            {"object", kObject}, {"array", kArray},     {"null", kNull}};
        if (name.is_string()) {
            for (const auto& [known, bit] : kNames) {
                if (name.get_ref<const std::string&>() == known) return bit;
            }
        }
        refuse("type", concat(dumpJson(name), " is no type"));
        return 0;
    }

    std::optional<Number> number(const Json& schema, std::string_view keyword) {
        const Json* value = find(schema, keyword);
        if (!value) return std::nullopt;
        if (!value->is_number()) refuse(keyword, "must be a number");
        return value->is_number() ? JsonView(*value).number() : 0;
    }

    // True when one of the two keywords stands there.
    bool bounds(const Json& schema, std::string_view min, std::string_view max, Bounds& bounds) {
        const Json* low = size(schema, min, bounds.min);
        const Json* high = size(schema, max, bounds.max);
        return low || high;
    }
    const Json* size(const Json& schema, std::string_view keyword, std::size_t& size) {
        const Json* value = find(schema, keyword);
        if (!value) return nullptr;
        const Number number = value->is_number() ? JsonView(*value).number() : -1;
        if (number < 0 || number > 9e18L || std::truncl(number) != number) {
            refuse(keyword, "must be a non-negative integer");
            return nullptr;
        }
        size = static_cast<std::size_t>(number);
        return value;
    }

    void numbers(const Json& schema, Node& node) {
        NumberRules rules;
        rules.min = number(schema, "minimum");
        rules.max = number(schema, "maximum");
        rules.multiple = number(schema, "multipleOf");
        if (auto above = number(schema, "exclusiveMinimum"); above && (!rules.min || *above >= *rules.min)) {
            rules.min = above;
            rules.above_min = true;
        }
        if (auto below = number(schema, "exclusiveMaximum"); below && (!rules.max || *below <= *rules.max)) {
            rules.max = below;
            rules.below_max = true;
        }
        if (rules.multiple && *rules.multiple <= 0) refuse("multipleOf", "must be above 0");
        if (rules.min || rules.max || rules.multiple) node.number = std::make_unique<NumberRules>(rules);
    }

    std::optional<Pattern> pattern(const Json& source, std::string_view keyword) {
        if (!source.is_string()) {
            refuse(keyword, "must be a string");
            return std::nullopt;
        }
        auto compiled = Pattern::compile(source.get_ref<const std::string&>());
        if (compiled) return std::move(*compiled);
        refuse(keyword, compiled.error().message);
        return std::nullopt;
    }

    void strings(const Json& schema, Node& node) {
        StringRules rules;
        bool any = bounds(schema, "minLength", "maxLength", rules.length);
        if (const Json* source = find(schema, "pattern")) {
            rules.pattern = pattern(*source, "pattern");
            any = true;
        }
        if (any) node.string = std::make_unique<StringRules>(std::move(rules));
    }

    void arrays(const Json& schema, Node& node) {
        ArrayRules rules;
        bool any = bounds(schema, "minItems", "maxItems", rules.size);
        if (const Json* prefix = find(schema, "prefixItems")) {
            rules.prefix = list(*prefix, "prefixItems");
            any = true;
        }
        if (const Json* items = find(schema, "items")) {
            rules.items = childAt(*items, std::string_view("items"));
            any = true;
        }
        if (const Json* contains = find(schema, "contains")) {
            rules.contains = childAt(*contains, std::string_view("contains"));
            any = true;
        }
        bounds(schema, "minContains", "maxContains", rules.contained);  // without contains they mean nothing
        if (const Json* unique = find(schema, "uniqueItems")) {
            if (!unique->is_boolean()) return refuse("uniqueItems", "must be true or false");
            rules.unique = unique->get<bool>();
            any = true;
        }
        if (any) node.array = std::make_unique<ArrayRules>(std::move(rules));
    }

    std::vector<NodeId> list(const Json& schemas, std::string_view keyword) {
        std::vector<NodeId> nodes;
        if (!schemas.is_array() || schemas.empty()) {
            refuse(keyword, "must be an array of at least one schema");
            return nodes;
        }
        for (std::size_t i = 0; i < schemas.size(); ++i)
            nodes.push_back(childAt(schemas[i], keyword, i));
        return nodes;
    }

    void objects(const Json& schema, Node& node);
    void keys(const Json& schema, ObjectRules& rules);
    void dependencies(const Json& schema, ObjectRules& rules);
    void logic(const Json& schema, Node& node);

    void definitions(const Json& schema) {
        const Json* defs = find(schema, "$defs");
        if (!defs) return;
        if (!defs->is_object()) return refuse("$defs", "must be an object of schemas");
        for (const auto& [name, definition] : defs->items()) {
            childAt(definition, std::string_view("$defs"), std::string_view(name));
        }
    }

    NodeId reference(const Json& ref);

    const Json& root_;
    const SchemaLimits& limits_;
    Schema::Program& program_;
    std::unordered_map<const Json*, NodeId> known_;
    std::vector<bool> started_;  // by node
    std::deque<Waiting> waiting_;
    std::string pointer_;  // where the compiler is, for refusals
    std::string problem_;
};

// The names of an object of keywords (properties, required, dependent*), each once, in the order find() wants.
void Compiler::keys(const Json& schema, ObjectRules& rules) {
    std::vector<std::string> names;
    if (const Json* properties = find(schema, "properties")) {
        if (!properties->is_object()) return refuse("properties", "must be an object of schemas");
        for (const auto& [name, value] : properties->items())
            names.push_back(name);
    }
    auto addList = [&](const Json& list, std::string_view keyword) {
        if (!list.is_array()) return refuse(keyword, "must be an array of strings");
        for (const Json& name : list) {
            if (!name.is_string()) return refuse(keyword, "must be an array of strings");
            names.push_back(name.get<std::string>());
        }
    };
    if (const Json* required = find(schema, "required")) addList(*required, "required");
    if (const Json* dependent = find(schema, "dependentRequired")) {
        if (!dependent->is_object()) return refuse("dependentRequired", "must be an object");
        for (const auto& [name, needs] : dependent->items()) {
            names.push_back(name);
            addList(needs, "dependentRequired");
        }
    }
    if (const Json* dependent = find(schema, "dependentSchemas")) {
        if (!dependent->is_object()) return refuse("dependentSchemas", "must be an object of schemas");
        for (const auto& [name, value] : dependent->items())
            names.push_back(name);
    }
    auto before = [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    };
    std::sort(names.begin(), names.end(), before);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (std::string& name : names)
        rules.keys.push_back({.name = std::move(name)});
}

void Compiler::objects(const Json& schema, Node& node) {
    ObjectRules rules;
    bool any = bounds(schema, "minProperties", "maxProperties", rules.size);
    keys(schema, rules);
    if (!problem_.empty()) return;
    auto key = [&rules](std::string_view name) { return const_cast<ObjectRules::Key*>(rules.find(name)); };
    if (const Json* properties = find(schema, "properties")) {
        for (const auto& [name, value] : properties->items()) {
            key(name)->node = childAt(value, std::string_view("properties"), std::string_view(name));
            key(name)->declared = true;
        }
    }
    if (const Json* required = find(schema, "required")) {
        for (const Json& name : *required)
            key(name.get_ref<const std::string&>())->required = true;
        rules.any_required = !required->empty();
    }
    if (const Json* patterns = find(schema, "patternProperties")) {
        if (!patterns->is_object()) return refuse("patternProperties", "must be an object of schemas");
        for (const auto& [source, value] : patterns->items()) {
            auto compiled = pattern(source, "patternProperties");
            if (!compiled) return;
            NodeId id = childAt(value, std::string_view("patternProperties"), std::string_view(source));
            rules.patterns.push_back({std::move(*compiled), id});
        }
    }
    if (const Json* additional = find(schema, "additionalProperties")) {
        rules.additional = childAt(*additional, std::string_view("additionalProperties"));
    }
    if (const Json* names = find(schema, "propertyNames")) {
        rules.names = childAt(*names, std::string_view("propertyNames"));
    }
    dependencies(schema, rules);
    any =
        any || !rules.keys.empty() || !rules.patterns.empty() || rules.additional != kNoNode || rules.names != kNoNode;
    if (any) node.object = std::make_unique<ObjectRules>(std::move(rules));
}

void Compiler::dependencies(const Json& schema, ObjectRules& rules) {
    auto index = [&rules](std::string_view name) {
        return static_cast<std::uint32_t>(rules.find(name) - rules.keys.data());
    };
    if (const Json* dependent = find(schema, "dependentRequired")) {
        for (const auto& [name, needs] : dependent->items()) {
            ObjectRules::Dependency dependency{.key = index(name), .needs = {}};
            for (const Json& need : needs)
                dependency.needs.push_back(index(need.get_ref<const std::string&>()));
            rules.dependencies.push_back(std::move(dependency));
        }
    }
    if (const Json* dependent = find(schema, "dependentSchemas")) {
        for (const auto& [name, value] : dependent->items()) {
            NodeId id = childAt(value, std::string_view("dependentSchemas"), std::string_view(name));
            rules.dependencies.push_back({.key = index(name), .needs = {}, .node = id});
        }
    }
}

void Compiler::logic(const Json& schema, Node& node) {
    LogicRules rules;
    bool any = false;
    auto take = [&](std::string_view keyword, NodeId& target) {
        if (const Json* value = find(schema, keyword)) {
            target = childAt(*value, keyword);
            any = true;
        }
    };
    auto takeList = [&](std::string_view keyword, std::vector<NodeId>& target) {
        if (const Json* value = find(schema, keyword)) {
            target = list(*value, keyword);
            any = true;
        }
    };
    takeList("allOf", rules.all);
    takeList("anyOf", rules.any);
    takeList("oneOf", rules.one);
    take("not", rules.none);
    take("if", rules.condition);
    take("then", rules.then);
    take("else", rules.otherwise);
    if (const Json* ref = find(schema, "$ref")) {
        rules.ref = reference(*ref);
        any = true;
    }
    if (any) node.logic = std::make_unique<LogicRules>(std::move(rules));
}

NodeId Compiler::reference(const Json& ref) {
    std::string_view text = ref.is_string() ? ref.get_ref<const std::string&>() : std::string_view();
    if (!text.starts_with('#')) {
        refuse("$ref", "only references inside the schema (\"#/...\") are followed, nothing is fetched");
        return kNoNode;
    }
    text.remove_prefix(1);
    if (!text.empty() && text.front() != '/') {
        refuse("$ref", "anchors are not supported, write the path as \"#/$defs/...\"");
        return kNoNode;
    }
    const Json* target = resolvePointer(root_, text);
    if (!target) {
        refuse("$ref", concat("nothing stands at ", inQuotes(text)));
        return kNoNode;
    }
    NodeId id = reserve(*target);
    if (problem_.empty() && !started_[id]) waiting_.push_back({id, target, std::string(text)});
    return id;
}

}  // namespace

Result<std::shared_ptr<const Schema::Program>> compileProgram(const Json& schema, const SchemaLimits& limits) {
    if (deeperThan(schema, limits.depth_max)) {
        return Error::invalidArgument("schema nests deeper than ", limits.depth_max, " levels");
    }
    if (std::size_t size = dumpJson(schema).size(); size > limits.bytes_max) {
        return Error::invalidArgument("schema of ", size, " bytes is above the limit of ", limits.bytes_max);
    }
    auto program = std::make_shared<Schema::Program>();
    program->limits = limits;
    std::string problem = Compiler(schema, limits, *program).compile();
    if (!problem.empty()) return Error::invalidArgument(problem);
    return std::shared_ptr<const Schema::Program>(std::move(program));
}

}  // namespace howdah::kernel
