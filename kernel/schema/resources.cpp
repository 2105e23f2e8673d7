#include "kernel/schema/resources.hpp"

#include <array>

#include <boost/url.hpp>

#include "kernel/schema/reference.hpp"

namespace howdah::kernel {

namespace {

// Where schemas stand in a schema. What stands elsewhere (enum, const, unknown keywords) names nothing.
constexpr std::array kOne = {
    "items", "contains",         "additionalProperties", "propertyNames",        "not", "if", "then",
    "else",  "unevaluatedItems", "contentSchema",        "unevaluatedProperties"};
constexpr std::array kMany = {"prefixItems",      "allOf", "anyOf", "oneOf", "properties", "patternProperties",
                              "dependentSchemas", "$defs"};

struct Uri {
    std::string absolute;  // without fragment
    std::string fragment;  // as written
};

// `reference` as seen from `base`, which is "" where the schema has no name: then only fragments can be resolved.
std::optional<Uri> resolve(const std::string& base, std::string_view reference) {
    Uri uri;
    const std::size_t hash = std::min(reference.find('#'), reference.size());
    if (hash < reference.size()) uri.fragment = reference.substr(hash + 1);
    reference = reference.substr(0, hash);
    if (reference.empty()) {
        uri.absolute = base;
        return uri;
    }
    auto parsed = boost::urls::parse_uri_reference(reference);
    if (!parsed) return std::nullopt;
    if (parsed->has_scheme() || base.empty()) {
        uri.absolute = reference;
        return uri;
    }
    auto parsed_base = boost::urls::parse_uri_reference(base);
    boost::urls::url resolved;
    if (!parsed_base || !parsed_base->has_scheme()) {
        uri.absolute = reference;  // a base that is itself relative gives no more than the text
        return uri;
    }
    if (!boost::urls::resolve(*parsed_base, *parsed, resolved)) return std::nullopt;
    uri.absolute = std::string(resolved.buffer());
    return uri;
}

std::string text(const Json& schema, const char* keyword) {
    auto member = schema.find(keyword);
    return member != schema.end() && member->is_string() ? member->get<std::string>() : std::string();
}

}  // namespace

SchemaResources::SchemaResources(const Json& root) {
    resources_.push_back({.uri = "", .root = &root, .anchors = {}, .dynamic_anchors = {}});
    by_uri_.emplace("", 0);
    walk(root);
}

// Does not recurse, so it can run before the depth of a schema is known.
void SchemaResources::walk(const Json& root) {
    std::vector<std::pair<const Json*, ResourceId>> open{{&root, 0}};
    while (!open.empty() && problem_.empty()) {
        auto [schema, resource] = open.back();
        open.pop_back();
        if (!schema->is_object()) continue;
        resource = enter(*schema, resource);
        for (const char* keyword : kOne) {
            if (auto member = schema->find(keyword); member != schema->end()) open.emplace_back(&*member, resource);
        }
        for (const char* keyword : kMany) {
            auto member = schema->find(keyword);
            if (member == schema->end() || !member->is_structured()) continue;
            for (const Json& inside : *member)
                open.emplace_back(&inside, resource);
        }
    }
}

ResourceId SchemaResources::enter(const Json& schema, ResourceId resource) {
    if (std::string id = text(schema, "$id"); !id.empty()) {
        auto uri = resolve(resources_[resource].uri, id);
        if (!uri || !uri->fragment.empty()) {
            problem_ = concat("schema names itself \"", id, "\", which is no URI without a fragment");
            return resource;
        }
        const bool is_root = &schema == resources_.front().root;
        if (is_root) {
            resources_.front().uri = uri->absolute;
        } else {
            resource = static_cast<ResourceId>(resources_.size());
            resources_.push_back({.uri = uri->absolute, .root = &schema, .anchors = {}, .dynamic_anchors = {}});
        }
        if (!by_uri_.emplace(uri->absolute, resource).second) {
            problem_ = concat("schema names two parts \"", uri->absolute, "\"");
        }
    }
    places_.emplace(&schema, resource);
    Resource& home = resources_[resource];
    const std::string anchor = text(schema, "$anchor"), dynamic = text(schema, "$dynamicAnchor");
    if (!dynamic.empty()) home.dynamic_anchors.emplace(dynamic, &schema);
    for (const std::string& name : {anchor, dynamic}) {
        if (name.empty()) continue;
        const auto [there, is_new] = home.anchors.emplace(name, &schema);
        if (!is_new && there->second != &schema) problem_ = concat("schema has two anchors \"", name, "\"");
    }
    return resource;
}

ResourceId SchemaResources::of(const Json& schema) const {
    auto place = places_.find(&schema);
    return place == places_.end() ? 0 : place->second;
}

Result<const Json*> SchemaResources::find(const std::string& reference, ResourceId from) const {
    auto uri = resolve(resources_[from].uri, reference);
    auto resource = uri ? by_uri_.find(uri->absolute) : by_uri_.end();
    if (resource == by_uri_.end()) {
        return Error::invalidArgument("only references inside the schema (\"#/...\") are followed, nothing is fetched");
    }
    const Resource& home = resources_[resource->second];
    if (uri->fragment.empty() || uri->fragment.front() == '/') {
        if (const Json* target = resolvePointer(*home.root, uri->fragment)) return target;
    } else if (auto anchor = home.anchors.find(uri->fragment); anchor != home.anchors.end()) {
        return anchor->second;
    }
    return Error::invalidArgument("nothing stands at \"", uri->fragment.substr(0, 80), "\"");
}

std::vector<const Json*> SchemaResources::dynamicAnchors(const std::string& name) const {
    std::vector<const Json*> out;
    for (const Resource& resource : resources_) {
        auto anchor = resource.dynamic_anchors.find(name);
        out.push_back(anchor == resource.dynamic_anchors.end() ? nullptr : anchor->second);
    }
    return out;
}

}  // namespace howdah::kernel
