#include "kernel/host/manifest.hpp"

#include <algorithm>
#include <fstream>

#include <howdah/abi/base.h>

namespace howdah::kernel {
namespace {

constexpr std::size_t kManifestBytesMax = 1u << 20;

constexpr std::string_view kSchema = R"json({
  "type": "object",
  "required": ["schema", "id", "version", "summary", "abi"],
  "additionalProperties": false,
  "$defs": {
    "icons": {"type": "array", "maxItems": 16, "items": {
      "type": "object", "required": ["src"], "additionalProperties": false,
      "properties": {"src": {"type": "string", "pattern": "^(https:|data:)", "maxLength": 65536},
                     "mimeType": {"type": "string", "maxLength": 128},
                     "sizes": {"type": "array", "items": {"type": "string", "maxLength": 16}, "maxItems": 16},
                     "theme": {"enum": ["light", "dark"]}}}},
    "title": {"type": "string", "maxLength": 200},
    "description": {"type": "string", "minLength": 1, "maxLength": 4096},
    "annotations": {"type": "object", "additionalProperties": false,
      "properties": {"audience": {"type": "array", "items": {"enum": ["user", "assistant"]}, "uniqueItems": true},
                     "priority": {"type": "number", "minimum": 0, "maximum": 1},
                     "lastModified": {"type": "string", "maxLength": 64}}},
    "mime": {"type": "string", "minLength": 1, "maxLength": 128},
    "ttl": {"type": "integer", "minimum": 0, "maximum": 86400000},
    "scope": {"enum": ["private", "public"]},
    "names": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 128}, "maxItems": 64, "uniqueItems": true},
    "word": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 32},
    "run": {"enum": ["shard", "worker", "process"]}
  },
  "properties": {
    "schema": {"const": 1},
    "id": {"type": "string", "pattern": "^[a-z][a-z0-9_-]*(/[a-z][a-z0-9_-]*)?$", "maxLength": 64},
    "version": {"type": "string", "minLength": 1, "maxLength": 64},
    "summary": {"type": "string", "minLength": 1, "maxLength": 200},
    "license": {"type": "string"},
    "authors": {"type": "array", "items": {"type": "string"}},
    "repository": {"type": "string"},
    "abi": {"type": "object", "required": ["needs"], "additionalProperties": false,
            "properties": {"needs": {"type": "integer", "minimum": 0, "maximum": 65535}}},
    "run": {"type": "object", "additionalProperties": false,
            "properties": {"default": {"$ref": "#/$defs/run"},
                           "allowed": {"type": "array", "items": {"$ref": "#/$defs/run"}, "minItems": 1}}},
    "provides": {"$ref": "#/$defs/names"},
    "requires": {"$ref": "#/$defs/names"},
    "optional": {"$ref": "#/$defs/names"},
    "permissions": {"type": "array", "uniqueItems": true,
                    "items": {"enum": ["db.read", "db.session", "db.write", "databases.credentials",
                                        "hooks.wait", "transport"]}},
    "hooks": {"type": "object", "additionalProperties": false,
              "dependentRequired": {"events": ["stage"], "stage": ["events"]},
              "properties": {
                "stage": {"enum": ["observe", "admit", "scope", "rewrite", "guard", "recall"]},
                "events": {"type": "array", "minItems": 1, "uniqueItems": true,
                           "items": {"enum": ["beforeQuery", "afterQuery", "onError", "onConnect", "beforeCall", "afterCall"]}},
                "rows": {"enum": ["none", "observe", "transform"]}}},
    "tools": {"type": "array", "maxItems": 256, "items": {
      "type": "object", "required": ["name", "description", "inputSchema"], "additionalProperties": false,
      "properties": {
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]+$", "maxLength": 64},
        "title": {"$ref": "#/$defs/title"},
        "description": {"$ref": "#/$defs/description"},
        "icons": {"$ref": "#/$defs/icons"},
        "inputSchema": {"type": "object", "required": ["type"], "properties": {"type": {"const": "object"}}},
        "outputSchema": {"type": "object"},
        "annotations": {"type": "object"},
        "taskSupport": {"enum": ["forbidden", "optional", "required"]},
        "profiles": {"$ref": "#/$defs/names"}}}},
    "commands": {"type": "array", "maxItems": 16, "items": {
      "type": "object", "required": ["name", "summary", "actions"], "additionalProperties": false,
      "properties": {
        "name": {"$ref": "#/$defs/word"},
        "summary": {"type": "string", "minLength": 1, "maxLength": 200},
        "actions": {"type": "array", "minItems": 1, "maxItems": 32, "items": {
          "type": "object", "required": ["name", "tool"], "additionalProperties": false,
          "properties": {"name": {"$ref": "#/$defs/word"},
                         "tool": {"type": "string", "maxLength": 64},
                         "print": {"type": "string", "minLength": 1, "maxLength": 64}}}}}}},
    "prompts": {"type": "array", "maxItems": 256, "items": {
      "type": "object", "required": ["name"], "additionalProperties": false,
      "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 128},
        "title": {"$ref": "#/$defs/title"},
        "description": {"$ref": "#/$defs/description"},
        "icons": {"$ref": "#/$defs/icons"},
        "arguments": {"type": "array", "maxItems": 64, "items": {
          "type": "object", "required": ["name"], "additionalProperties": false,
          "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 128},
                         "title": {"$ref": "#/$defs/title"},
                         "description": {"$ref": "#/$defs/description"},
                         "required": {"type": "boolean"}}}}}}},
    "resources": {"type": "array", "maxItems": 1024, "items": {
      "type": "object", "required": ["uri", "name"], "additionalProperties": false,
      "properties": {
        "uri": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+$", "maxLength": 2048},
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "title": {"$ref": "#/$defs/title"},
        "description": {"$ref": "#/$defs/description"},
        "icons": {"$ref": "#/$defs/icons"},
        "annotations": {"$ref": "#/$defs/annotations"},
        "size": {"type": "integer", "minimum": 0},
        "mimeType": {"$ref": "#/$defs/mime"},
        "ttlMs": {"$ref": "#/$defs/ttl"},
        "cacheScope": {"$ref": "#/$defs/scope"}}}},
    "resourceTemplates": {"type": "array", "maxItems": 256, "items": {
      "type": "object", "required": ["uriTemplate", "name"], "additionalProperties": false,
      "properties": {
        "uriTemplate": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+$", "maxLength": 2048},
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "title": {"$ref": "#/$defs/title"},
        "description": {"$ref": "#/$defs/description"},
        "icons": {"$ref": "#/$defs/icons"},
        "annotations": {"$ref": "#/$defs/annotations"},
        "mimeType": {"$ref": "#/$defs/mime"},
        "ttlMs": {"$ref": "#/$defs/ttl"},
        "cacheScope": {"$ref": "#/$defs/scope"}}}},
    "config": {"type": "object"}
  }
})json";

const Schema& schema() {
    static const Schema compiled = [] {
        auto json = parseJson(kSchema);
        assert(json && "the manifest schema is not JSON");
        auto made = Schema::compile(*json);
        assert(made && "the manifest schema does not compile");
        return *made;
    }();
    return compiled;
}

std::vector<std::string> names(const Json& json, const char* key) {
    return json.contains(key) ? json[key].get<std::vector<std::string>>() : std::vector<std::string>{};
}

RunMode runModeOf(const std::string& name) {
    if (name == "worker") return RunMode::worker;
    if (name == "process") return RunMode::process;
    return RunMode::shard;
}

Stage stageOf(std::string_view name) {
    for (auto stage : {Stage::observe, Stage::admit, Stage::scope, Stage::rewrite, Stage::guard}) {
        if (stageName(stage) == name) return stage;
    }
    return Stage::recall;
}

TaskSupport taskSupportOf(const Json& tool) {
    const std::string support = tool.value("taskSupport", std::string{"forbidden"});
    return support == "required"   ? TaskSupport::required
           : support == "optional" ? TaskSupport::optional
                                   : TaskSupport::forbidden;
}

Result<ToolManifest> toolOf(const Json& json, std::string_view file) {
    ToolManifest tool;
    tool.name = json["name"].get<std::string>();
    tool.listing = json;
    tool.listing.erase("profiles");
    tool.listing.erase("taskSupport");
    tool.task_support = taskSupportOf(json);
    if (json.contains("profiles")) tool.profiles = names(json, "profiles");
    auto arguments = Schema::compile(json["inputSchema"]);
    if (!arguments) {
        return Error::invalidArgument(file, ": tool \"", tool.name, "\": inputSchema: ", arguments.error().message);
    }
    tool.arguments = std::move(*arguments);
    auto mirrored = mirroredParameters(json["inputSchema"]);
    if (!mirrored) return Error::invalidArgument(file, ": tool \"", tool.name, "\": ", mirrored.error().message);
    tool.mirrored = std::move(*mirrored);
    if (json.contains("outputSchema")) {
        auto output = Schema::compile(json["outputSchema"]);
        if (!output) {
            return Error::invalidArgument(file, ": tool \"", tool.name, "\": outputSchema: ", output.error().message);
        }
        tool.output = std::move(*output);
    }
    if (json.contains("annotations")) tool.read_only = json["annotations"].value("readOnlyHint", false);
    return tool;
}

Result<CommandManifest> commandOf(const Json& json, const std::vector<ToolManifest>& tools, std::string_view file) {
    CommandManifest command{json["name"].get<std::string>(), json["summary"].get<std::string>(), {}, {}};
    for (const Json& action : json["actions"]) {
        CommandManifest::Action one;
        one.name = action["name"].get<std::string>();
        one.tool = action["tool"].get<std::string>();
        one.print = action.value("print", std::string{});
        const auto tool = std::find_if(tools.begin(), tools.end(), [&](const auto& of) { return of.name == one.tool; });
        if (tool == tools.end()) {
            return Error::invalidArgument(file, ": command \"", command.name, " ", one.name,
                                          "\": the plugin has no tool \"", one.tool, "\"");
        }
        const auto same = [&](const auto& other) { return other.name == one.name; };
        if (std::any_of(command.actions.begin(), command.actions.end(), same))
            return Error::invalidArgument(file, ": command \"", command.name, " ", one.name, "\" is there twice");
        one.summary = tool->listing.value("title", one.tool);
        command.actions.push_back(std::move(one));
    }
    return command;
}

PromptManifest promptOf(const Json& json) {
    PromptManifest prompt;
    prompt.name = json["name"].get<std::string>();
    prompt.description = json.value("description", std::string{});
    prompt.listing = json;
    for (const Json& argument : json.value("arguments", Json::array()))
        prompt.arguments.push_back({argument["name"].get<std::string>(), argument.value("required", false)});
    return prompt;
}

ResourceManifest resourceOf(const Json& json, const char* uri) {
    ResourceManifest resource{json[uri].get<std::string>(), json.value("mimeType", std::string{}), {}, json};
    resource.cache.time_to_live = std::chrono::milliseconds(json.value("ttlMs", 0));
    resource.cache.same_for_all = json.value("cacheScope", std::string{}) == "public";
    resource.listing.erase("ttlMs");  // of what is read, not of the list
    resource.listing.erase("cacheScope");
    return resource;
}

// The minor a manifest names, whatever else is in it; 0 when there is none.
std::uint32_t abiNeedsOf(const Json& json) {
    if (!json.is_object() || !json.contains("abi") || !json["abi"].is_object()) return 0;
    const Json needs = json["abi"].value("needs", Json());
    if (!needs.is_number_unsigned()) return 0;
    const auto minor = needs.get<std::uint64_t>();
    return minor <= 65535 ? static_cast<std::uint32_t>(minor) : 0;
}

}  // namespace

std::string_view manifestSchemaText() {
    return kSchema;
}

std::string_view runModeName(RunMode mode) {
    constexpr std::string_view kNames[] = {"shard", "worker", "process"};
    return kNames[static_cast<std::size_t>(mode)];
}

std::string abiRefusal(std::uint32_t needs, std::string_view plugin) {
    if (needs <= HOWDAH_ABI_MINOR) return {};
    return concat("needs SDK ABI 1.", needs, ", this server has 1.", HOWDAH_ABI_MINOR,
                  "; upgrade the server or install an older version of ", plugin);
}

bool Manifest::hasEvent(std::string_view event) const {
    return std::find(events.begin(), events.end(), event) != events.end();
}

bool Manifest::permits(std::string_view permission) const {
    return std::find(permissions.begin(), permissions.end(), permission) != permissions.end();
}

Result<Manifest> Manifest::fromText(std::string_view text, std::string_view name) {
    auto parsed = parseJson(text, {.bytes_max = kManifestBytesMax});
    if (!parsed) return Error::invalidArgument(name, ": ", parsed.error().message);
    const Json& json = *parsed;
    if (auto wrong = schema().validate(json)) {
        // A newer ABI may have brought the very key that is unknown here.
        if (auto newer = abiRefusal(abiNeedsOf(json), "the plugin"); !newer.empty()) {
            return Error::refused(name, ": it ", newer);
        }
        return Error::invalidArgument(name, ": ", wrong->pointer.empty() ? "" : dotted(wrong->pointer) + ": ",
                                      wrong->message);
    }
    Manifest manifest;
    manifest.id = json["id"].get<std::string>();
    manifest.version = json["version"].get<std::string>();
    manifest.summary = json["summary"].get<std::string>();
    manifest.abi_needs = json["abi"]["needs"].get<std::uint32_t>();
    manifest.provides = names(json, "provides");
    manifest.requires_services = names(json, "requires");
    manifest.optional_services = names(json, "optional");
    manifest.permissions = names(json, "permissions");
    manifest.run = manifest.community() ? RunMode::process : RunMode::shard;
    const Json run = json.value("run", Json::object());
    if (run.contains("default")) manifest.run = runModeOf(run["default"].get<std::string>());
    if (run.contains("allowed")) {
        for (const Json& mode : run["allowed"])
            manifest.run_allowed.push_back(runModeOf(mode.get<std::string>()));
    } else {
        manifest.run_allowed = {RunMode::shard, RunMode::worker, RunMode::process};
    }
    const Json hooks = json.value("hooks", Json::object());
    if (hooks.contains("stage")) {
        manifest.stage = stageOf(hooks["stage"].get<std::string>());
        manifest.events = names(hooks, "events");
        const std::string rows = hooks.value("rows", std::string{"none"});
        manifest.rows = rows == "transform" ? RowsUse::transform : rows == "observe" ? RowsUse::observe : RowsUse::none;
    }
    for (const Json& tool_json : json.value("tools", Json::array())) {
        auto tool = toolOf(tool_json, name);
        if (!tool) return std::move(tool).error();
        manifest.tools.push_back(std::move(*tool));
    }
    for (const Json& command_json : json.value("commands", Json::array())) {
        auto command = commandOf(command_json, manifest.tools, name);
        if (!command) return std::move(command).error();
        command->plugin = manifest.id;
        const auto same = [&](const auto& other) { return other.name == command->name; };
        if (std::any_of(manifest.commands.begin(), manifest.commands.end(), same))
            return Error::invalidArgument(name, ": command \"", command->name, "\" is there twice");
        manifest.commands.push_back(std::move(*command));
    }
    for (const Json& prompt : json.value("prompts", Json::array()))
        manifest.prompts.push_back(promptOf(prompt));
    for (const Json& resource : json.value("resources", Json::array()))
        manifest.resources.push_back(resourceOf(resource, "uri"));
    for (const Json& resource : json.value("resourceTemplates", Json::array())) {
        manifest.resource_templates.push_back(resourceOf(resource, "uriTemplate"));
        if (auto sound = UriTemplate::parse(manifest.resource_templates.back().uri); !sound)
            return Error::invalidArgument(name, ": ", sound.error().message);
    }
    manifest.config_schema = json.value("config", Json{{"type", "object"}, {"additionalProperties", false}});
    auto config = Schema::compile(manifest.config_schema);
    if (!config) return Error::invalidArgument(name, ": config: ", config.error().message);
    manifest.config = std::move(*config);
    return manifest;
}

Result<Manifest> Manifest::fromFile(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return Error::notFound(path.string(), " cannot be read; a plugin's folder holds plugin.json and its library");
    std::string text(kManifestBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kManifestBytesMax)
        return Error::invalidArgument(path.string(), " is larger than ", kManifestBytesMax, " bytes");
    return fromText(text, path.string());
}

}  // namespace howdah::kernel
