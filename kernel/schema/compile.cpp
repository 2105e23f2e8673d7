#include "kernel/schema/compiler.hpp"
#include "kernel/schema/reference.hpp"

namespace howdah::kernel {

namespace {

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";

// Keywords that change what is valid and that this validator does not know. Ignoring one would accept too much.
constexpr std::pair<std::string_view, std::string_view> kRefused[] = {
    {"$recursiveRef", "is of an older draft, use $ref"},
    {"dependencies", "is of an older draft, use dependentRequired or dependentSchemas"},
    {"additionalItems", "is of an older draft, use prefixItems and items"},
};

}  // namespace

std::string SchemaCompiler::compile() {
    if (!resources_.problem().empty()) return resources_.problem();
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

void SchemaCompiler::refuse(std::string_view keyword, std::string_view why) {
    if (!problem_.empty()) return;
    std::string where = pointer_;
    if (!keyword.empty()) appendPointer(where, keyword);
    problem_ = concat("schema at ", where.empty() ? "the root" : where, ": ", why);
}

NodeId SchemaCompiler::reserve(const Json& schema) {
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

NodeId SchemaCompiler::child(const Json& schema) {
    NodeId id = reserve(schema);
    if (problem_.empty() && !started_[id]) fill(id, schema);
    return id;
}

void SchemaCompiler::fill(NodeId id, const Json& schema) {
    started_[id] = true;
    Node node;
    node.resource = resources_.of(schema);
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
        unevaluated(schema, node);
        logic(schema, node);
        definitions(schema);
    }
    program_.nodes[id] = std::move(node);
}

void SchemaCompiler::checkDialect(const Json& schema) {
    for (const auto& [keyword, why] : kRefused) {
        if (schema.contains(keyword)) refuse(keyword, why);
    }
    if (const Json* dialect = find(schema, "$schema")) {
        std::string_view name = dialect->is_string() ? dialect->get_ref<const std::string&>() : std::string_view();
        if (name.ends_with('#')) name.remove_suffix(1);
        if (name != kDialect) refuse("$schema", concat("only ", kDialect, " is understood"));
    }
}

void SchemaCompiler::types(const Json& schema, Node& node) {
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
        if (!list->is_array()) return refuse("enum", "must be an array");
        if (list->empty()) node.types = 0;
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

std::uint8_t SchemaCompiler::typeBit(const Json& name) {
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

std::optional<Number> SchemaCompiler::number(const Json& schema, std::string_view keyword) {
    const Json* value = find(schema, keyword);
    if (!value) return std::nullopt;
    if (!value->is_number()) refuse(keyword, "must be a number");
    return value->is_number() ? JsonView(*value).number() : 0;
}

bool SchemaCompiler::bounds(const Json& schema, std::string_view min, std::string_view max, Bounds& bounds) {
    const Json* low = size(schema, min, bounds.min);
    const Json* high = size(schema, max, bounds.max);
    return low || high;
}
const Json* SchemaCompiler::size(const Json& schema, std::string_view keyword, std::size_t& size) {
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

void SchemaCompiler::numbers(const Json& schema, Node& node) {
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

std::optional<Pattern> SchemaCompiler::pattern(const Json& source, std::string_view keyword) {
    if (!source.is_string()) {
        refuse(keyword, "must be a string");
        return std::nullopt;
    }
    auto compiled = Pattern::compile(source.get_ref<const std::string&>());
    if (compiled) return std::move(*compiled);
    refuse(keyword, compiled.error().message);
    return std::nullopt;
}

void SchemaCompiler::strings(const Json& schema, Node& node) {
    StringRules rules;
    bool any = bounds(schema, "minLength", "maxLength", rules.length);
    if (const Json* source = find(schema, "pattern")) {
        rules.pattern = pattern(*source, "pattern");
        any = true;
    }
    if (any) node.string = std::make_unique<StringRules>(std::move(rules));
}

void SchemaCompiler::arrays(const Json& schema, Node& node) {
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

std::vector<NodeId> SchemaCompiler::list(const Json& schemas, std::string_view keyword) {
    std::vector<NodeId> nodes;
    if (!schemas.is_array() || schemas.empty()) {
        refuse(keyword, "must be an array of at least one schema");
        return nodes;
    }
    for (std::size_t i = 0; i < schemas.size(); ++i)
        nodes.push_back(childAt(schemas[i], keyword, i));
    return nodes;
}

Result<std::shared_ptr<const Schema::Program>> compileProgram(const Json& schema, const SchemaLimits& limits) {
    if (deeperThan(schema, limits.depth_max)) {
        return Error::invalidArgument("schema nests deeper than ", limits.depth_max, " levels");
    }
    if (std::size_t size = dumpJson(schema).size(); size > limits.bytes_max) {
        return Error::invalidArgument("schema of ", size, " bytes is above the limit of ", limits.bytes_max);
    }
    auto program = std::make_shared<Schema::Program>();
    program->limits = limits;
    std::string problem = SchemaCompiler(schema, limits, *program).compile();
    if (!problem.empty()) return Error::invalidArgument(problem);
    return std::shared_ptr<const Schema::Program>(std::move(program));
}

}  // namespace howdah::kernel
