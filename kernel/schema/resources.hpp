// The names by which one part of a schema refers to another: $id (a resource of its own), $anchor, $dynamicAnchor, and
// JSON pointers as fragments. Nothing outside the schema is ever looked up.
//
// Threads: immutable once made.
// Owns:    names only; the schema outlives it.
// Errors:  find() says why a reference leads nowhere. What is wrong with a name itself is said by problem().
// Source:  JSON Schema 2020-12 core, sections 8.2 and 9; RFC 3986 section 5.2 (Boost.URL).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/schema/program.hpp"

namespace howdah::kernel {

class SchemaResources {
public:
    explicit SchemaResources(const Json& root);

    // "" or "schema names ...": an $id that is no URI, a name given twice.
    const std::string& problem() const { return problem_; }

    // The resource a schema lies in.
    ResourceId of(const Json& schema) const;
    // What a reference written in `from` means.
    Result<const Json*> find(const std::string& reference, ResourceId from) const;
    // By resource: the schema with this $dynamicAnchor, or null.
    std::vector<const Json*> dynamicAnchors(const std::string& name) const;

private:
    struct Resource {
        std::string uri;  // absolute, without fragment; "" for a root without $id
        const Json* root;
        std::unordered_map<std::string, const Json*> anchors, dynamic_anchors;
    };

    void walk(const Json& root);
    ResourceId enter(const Json& schema, ResourceId resource);

    std::vector<Resource> resources_;
    std::unordered_map<std::string, ResourceId> by_uri_;
    std::unordered_map<const Json*, ResourceId> places_;
    std::string problem_;
};

}  // namespace howdah::kernel
