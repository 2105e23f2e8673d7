// Manifest: plugin.json, the only source of a plugin's id, version, ABI, and of what it offers, requires and may do.
// Static parts (tool names, schemas, descriptions) are read here, so listing and validating never run plugin code.
//
// Threads: a value, any.
// Errors:  invalid_argument naming the file, the key, and what was expected; refused for a form this server is too old
//          to know.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/schema/schema.hpp"

namespace howdah::kernel {

enum class RunMode : std::uint8_t { shard, worker, process };

// What a plugin does with the batches of a result that streams: nothing, look, or hand on others.
enum class RowsUse : std::uint8_t { none, observe, transform };

struct ToolManifest {
    std::string name;
    Json listing;  // name, title, description, inputSchema, outputSchema, annotations: as in tools/list
    Schema arguments;
    std::optional<Schema> output;  // outputSchema
    std::vector<std::string> profiles{"core"};
    bool read_only = true;  // annotations.readOnlyHint
    TaskSupport task_support = TaskSupport::forbidden;
    std::vector<MirroredParameter> mirrored;
};

// `howdah NAME ACTION key=value`: each action calls one of the plugin's tools.
struct CommandManifest {
    struct Action {
        std::string name;
        std::string tool;
        std::string print;    // the member of its structured content that is printed; "" = the answer's text
        std::string summary;  // the tool's title
    };
    std::string name;
    std::string summary;
    std::vector<Action> actions;
    std::string plugin;  // the id of who brings it
};

struct PromptManifest {
    std::string name;
    std::string description;
    Json listing;  // as in prompts/list
    std::vector<PromptArgument> arguments;
};

struct ResourceManifest {
    std::string uri;  // or the template's text
    std::string mime_type;
    CacheHint cache;  // "ttlMs", "cacheScope"
    Json listing;     // as in resources/list or resources/templates/list
};

struct Manifest {
    std::string id;       // "cache", "acme/audit"
    std::string version;  // semantic version
    std::string summary;
    std::uint32_t abi_needs = 0;
    RunMode run = RunMode::shard;
    std::vector<RunMode> run_allowed;
    std::vector<std::string> provides;
    std::vector<std::string> requires_services;
    std::vector<std::string> optional_services;
    std::vector<std::string> permissions;  // "db.read", "db.write", "databases.credentials"

    // Hooks.
    std::optional<Stage> stage;       // present when it has hooks
    std::vector<std::string> events;  // "beforeQuery", "afterQuery", "onError", "onConnect", "beforeCall", "afterCall"
    RowsUse rows = RowsUse::none;     // "rows"

    std::vector<ToolManifest> tools;
    std::vector<CommandManifest> commands;
    std::vector<PromptManifest> prompts;
    std::vector<ResourceManifest> resources;
    std::vector<ResourceManifest> resource_templates;
    Schema config;
    Json config_schema = Json::object();

    bool hasEvent(std::string_view event) const;
    bool permits(std::string_view permission) const;
    // An id with a namespace is somebody else's code.
    bool community() const { return id.find('/') != std::string::npos; }

    static Result<Manifest> fromText(std::string_view text, std::string_view name);
    static Result<Manifest> fromFile(const std::filesystem::path& path);
};

// Why a plugin that needs minor `needs` of the ABI cannot run here, and what to do; "" when it can.
std::string abiRefusal(std::uint32_t needs, std::string_view plugin);

std::string_view runModeName(RunMode mode);

// The JSON Schema every plugin.json must fit.
std::string_view manifestSchemaText();

}  // namespace howdah::kernel
