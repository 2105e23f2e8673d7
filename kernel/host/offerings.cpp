#include "kernel/host/offerings.hpp"

#include <algorithm>

#include <howdah/host.hpp>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/scopes.hpp"

namespace howdah::kernel {
namespace {

bool named(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

// Our own plugins keep what their outputSchema promises: the tests, which assert, show it. Others are held to it.
bool checksOutput(const Manifest& manifest) {
#ifdef NDEBUG
    constexpr bool kAsserts = false;
#else
    constexpr bool kAsserts = true;
#endif
    return kAsserts || manifest.community();
}

// The code an instance has bound under one interface.
class Binder {
public:
    Binder(Instance& instance, const char* id)
        : instance_(instance), table_(instance.interface<howdah_handlers_v1>(id)) {}

    // Empty when nothing was bound.
    Handler find(std::string_view name) const {
        if (!table_) return {};
        return {instance_.self(), table_, table_->bind(instance_.self(), toAbi(name)), &instance_};
    }
    // What plugin.json names must be there.
    Result<void> bind(Handler& handler, std::string_view what, std::string_view name) const {
        handler = find(name);
        if (handler) return {};
        return Error::internal("plugin \"", instance_.id(), "\": plugin.json names the ", what, " \"", name,
                               "\", and start() bound nothing to it");
    }

private:
    Instance& instance_;
    const howdah_handlers_v1* table_;
};

// An offering whose name is free.
template <typename Offering, typename KeyOf>
Result<void> add(std::vector<Offering>& offerings, Offering offering, std::string_view what, KeyOf key) {
    for (const Offering& other : offerings) {
        if (key(other) != key(offering)) continue;
        return Error::invalidArgument("both ", other.instance->id(), " and ", offering.instance->id(), " offer the ",
                                      what, " \"", key(offering), "\"; take one of them out or exclude it");
    }
    offerings.push_back(std::move(offering));
    return {};
}

const std::string& keyOf(const Tool& tool) {
    return tool.name;
}
const std::string& keyOf(const Prompt& prompt) {
    return prompt.name;
}
const std::string& keyOf(const Resource& resource) {
    return resource.uri;
}
const std::string& keyOf(const ResourceTemplate& resource) {
    return resource.uri.text();
}
constexpr auto kKeyOf = [](const auto& offering) -> const std::string& { return keyOf(offering); };

Result<void> addTools(const Config& config, Instance& instance, Generation& generation) {
    const Binder tools(instance, HOWDAH_TOOLS_1);
    const bool any_writable = std::any_of(generation.databases.begin(), generation.databases.end(),
                                          [](const DatabaseInfo& info) { return info.writable; });
    for (const ToolManifest& offered : instance.manifest().tools) {
        if (named(config.tools.exclude, offered.name)) continue;
        // A tool that writes is there only where the operator lets something be written.
        if (!offered.read_only && instance.manifest().permits("db.write") && !any_writable) continue;
        Tool tool;
        tool.name = offered.name;
        tool.listing = dumpJson(offered.listing);
        tool.arguments = offered.arguments;
        tool.listed = config.tools.profile == "all" || named(offered.profiles, config.tools.profile) ||
                      named(config.tools.include, offered.name);
        tool.read_only = offered.read_only;
        tool.task_support = offered.task_support;
        tool.mirrored = offered.mirrored;
        if (checksOutput(instance.manifest())) tool.output = offered.output;
        auto chosen = config.tools.scopes.find(tool.name);
        tool.scopes = chosen != config.tools.scopes.end() ? chosen->second
                      : tool.read_only                    ? readScopes()
                                                          : writeScopes();
        if (auto bound = tools.bind(tool, "tool", tool.name); !bound) return bound;
        if (auto added = add(generation.tools, std::move(tool), "tool", kKeyOf); !added) return added;
    }
    return {};
}

Result<void> addPrompts(Instance& instance, Generation& generation) {
    const Binder prompts(instance, HOWDAH_PROMPTS_1);
    const Binder completions(instance, HOWDAH_COMPLETIONS_1);
    for (const PromptManifest& offered : instance.manifest().prompts) {
        Prompt prompt;
        prompt.name = offered.name;
        prompt.listing = dumpJson(offered.listing);
        prompt.description = offered.description;
        prompt.arguments = offered.arguments;
        prompt.completion = completions.find(offered.name);
        if (auto bound = prompts.bind(prompt, "prompt", prompt.name); !bound) return bound;
        if (auto added = add(generation.prompts, std::move(prompt), "prompt", kKeyOf); !added) return added;
    }
    return {};
}

Result<void> addResources(Instance& instance, Generation& generation) {
    const Binder resources(instance, HOWDAH_RESOURCES_1);
    const Binder completions(instance, HOWDAH_COMPLETIONS_1);
    const Binder lists(instance, HOWDAH_RESOURCE_LISTS_1);
    for (const ResourceManifest& offered : instance.manifest().resources) {
        Resource resource;
        resource.uri = offered.uri;
        resource.listing = dumpJson(offered.listing);
        resource.mime_type = offered.mime_type;
        resource.cache = offered.cache;
        if (auto bound = resources.bind(resource, "resource", resource.uri); !bound) return bound;
        if (auto added = add(generation.resources, std::move(resource), "resource", kKeyOf); !added) return added;
    }
    for (const ResourceManifest& offered : instance.manifest().resource_templates) {
        auto uri = UriTemplate::parse(offered.uri);
        if (!uri) return std::move(uri).error();
        ResourceTemplate resource;
        resource.uri = std::move(*uri);
        resource.listing = dumpJson(offered.listing);
        resource.mime_type = offered.mime_type;
        resource.cache = offered.cache;
        resource.completion = completions.find(offered.uri);
        resource.list = lists.find(offered.uri);
        if (auto bound = resources.bind(resource, "resource template", offered.uri); !bound) return bound;
        if (auto added = add(generation.resource_templates, std::move(resource), "resource template", kKeyOf); !added)
            return added;
    }
    return {};
}

template <typename Offering>
std::vector<Listed> sortedList(std::vector<Offering>& offerings) {
    std::ranges::sort(offerings, {}, kKeyOf);
    std::vector<Listed> list;
    list.reserve(offerings.size());
    for (const Offering& offering : offerings) {
        TaskSupport task_support = TaskSupport::forbidden;
        if constexpr (std::is_same_v<Offering, Tool>) {
            if (!offering.listed) continue;
            task_support = offering.task_support;
        }
        list.push_back({keyOf(offering), offering.listing, task_support});
    }
    return list;
}

}  // namespace

Result<void> addOfferings(const Config& config, Instance& instance, Generation& generation) {
    if (auto added = addTools(config, instance, generation); !added) return added;
    if (auto added = addPrompts(instance, generation); !added) return added;
    return addResources(instance, generation);
}

void listOfferings(Generation& generation) {
    generation.tools_list = sortedList(generation.tools);
    generation.prompts_list = sortedList(generation.prompts);
    generation.resources_list = sortedList(generation.resources);
    generation.resource_templates_list = sortedList(generation.resource_templates);
    for (const Tool& tool : generation.tools)
        generation.tools_by_name.emplace(tool.name, &tool);
}

}  // namespace howdah::kernel
