#include "kernel/schema/compiler.hpp"

namespace howdah::kernel {

// The names of an object of keywords (properties, required, dependent*), each once, in the order find() wants.
void SchemaCompiler::keys(const Json& schema, ObjectRules& rules) {
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

void SchemaCompiler::objects(const Json& schema, Node& node) {
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

void SchemaCompiler::dependencies(const Json& schema, ObjectRules& rules) {
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

void SchemaCompiler::logic(const Json& schema, Node& node) {
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
        rules.ref = reference(*ref, "$ref", node.resource);
        any = true;
    }
    if (const Json* ref = find(schema, "$dynamicRef")) {
        dynamicReference(*ref, rules, node.resource);
        any = true;
    }
    if (any) node.logic = std::make_unique<LogicRules>(std::move(rules));
}

void SchemaCompiler::definitions(const Json& schema) {
    const Json* defs = find(schema, "$defs");
    if (!defs) return;
    if (!defs->is_object()) return refuse("$defs", "must be an object of schemas");
    for (const auto& [name, definition] : defs->items()) {
        childAt(definition, std::string_view("$defs"), std::string_view(name));
    }
}

void SchemaCompiler::unevaluated(const Json& schema, Node& node) {
    UnevaluatedRules rules;
    for (auto [keyword, target] : {std::pair(std::string_view("unevaluatedProperties"), &rules.properties),
                                   std::pair(std::string_view("unevaluatedItems"), &rules.items)}) {
        if (const Json* value = find(schema, keyword)) *target = childAt(*value, keyword);
    }
    if (rules.properties == kNoNode && rules.items == kNoNode) return;
    node.unevaluated = std::make_unique<UnevaluatedRules>(rules);
}

NodeId SchemaCompiler::later(const Json& target, std::string_view pointer) {
    NodeId id = reserve(target);
    if (problem_.empty() && !started_[id]) waiting_.push_back({id, &target, std::string(pointer)});
    return id;
}

NodeId SchemaCompiler::reference(const Json& ref, std::string_view keyword, ResourceId from) {
    if (!ref.is_string()) {
        refuse(keyword, "must be a string");
        return kNoNode;
    }
    const auto& text = ref.get_ref<const std::string&>();
    auto target = resources_.find(text, from);
    if (!target) {
        refuse(keyword, target.error().message);
        return kNoNode;
    }
    return later(**target, text.starts_with("#/") ? std::string_view(text).substr(1) : text);
}

// Leads to where $ref would, except when that is a $dynamicAnchor: then the outermost resource on the way of the
// validation that has one of the same name is meant.
void SchemaCompiler::dynamicReference(const Json& ref, LogicRules& rules, ResourceId from) {
    rules.dynamic_ref = reference(ref, "$dynamicRef", from);
    if (rules.dynamic_ref == kNoNode) return;
    const auto& text = ref.get_ref<const std::string&>();
    const std::string name = text.substr(std::min(text.find('#'), text.size() - 1) + 1);
    const Json& target = **resources_.find(text, from);
    if (const Json* anchor = target.is_object() ? find(target, "$dynamicAnchor") : nullptr;
        !anchor || *anchor != name) {
        return;
    }
    auto [place, is_new] = dynamic_names_.try_emplace(name, static_cast<std::uint32_t>(dynamic_names_.size()));
    rules.dynamic_name = place->second;
    if (!is_new) return;
    std::vector<NodeId> nodes;
    for (const Json* anchored : resources_.dynamicAnchors(name))
        nodes.push_back(anchored ? later(*anchored, "#" + name) : kNoNode);
    program_.dynamic_anchors.push_back(std::move(nodes));
}

}  // namespace howdah::kernel
