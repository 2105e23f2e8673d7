#include "kernel/host/manifest.hpp"

#include <doctest/doctest.h>

#include <howdah/abi/base.h>

namespace howdah::kernel {
namespace {

Json sound() {
    return Json::parse(R"({"schema":1,"id":"cache","version":"1.2.0","summary":"s","abi":{"needs":0},
        "hooks":{"stage":"recall","events":["beforeQuery"]},
        "tools":[{"name":"t","description":"d","inputSchema":{"type":"object"}}],
        "prompts":[{"name":"p","arguments":[{"name":"a","required":true},{"name":"b"}]}],
        "resources":[{"uri":"x:1","name":"one","mimeType":"text/plain"}],
        "resourceTemplates":[{"uriTemplate":"x:{id}","name":"all"}]})");
}

}  // namespace

TEST_CASE("manifest: a sound plugin.json is read whole") {
    auto manifest = Manifest::fromText(sound().dump(), "plugin.json");
    REQUIRE(manifest);
    CHECK(manifest->id == "cache");
    CHECK(manifest->stage == Stage::recall);
    CHECK(manifest->hasEvent("beforeQuery"));
    CHECK_FALSE(manifest->hasEvent("onError"));
    CHECK(manifest->tools.at(0).profiles == std::vector<std::string>{"core"});
    CHECK(manifest->prompts.at(0).arguments.at(0).required);
    CHECK_FALSE(manifest->prompts.at(0).arguments.at(1).required);
    CHECK(manifest->resources.at(0).mime_type == "text/plain");
    CHECK(manifest->resource_templates.at(0).uri == "x:{id}");
    CHECK_FALSE(manifest->community());
    CHECK(manifest->run == RunMode::shard);
}

TEST_CASE("manifest: a command's actions call tools of the plugin, each once") {
    Json json = sound();
    json["commands"] =
        Json::parse(R"([{"name":"c","summary":"s","actions":[{"name":"do","tool":"t","print":"sql"}]}])");
    auto manifest = Manifest::fromText(json.dump(), "plugin.json");
    REQUIRE(manifest);
    const CommandManifest& command = manifest->commands.at(0);
    CHECK(command.name == "c");
    CHECK(command.actions.at(0).tool == "t");
    CHECK(command.actions.at(0).print == "sql");
    json["commands"][0]["actions"].push_back({{"name", "do"}, {"tool", "t"}});
    CHECK(Manifest::fromText(json.dump(), "plugin.json").error().message ==
          "plugin.json: command \"c do\" is there twice");
    json["commands"][0]["actions"][1] = {{"name", "more"}, {"tool", "u"}};
    CHECK(Manifest::fromText(json.dump(), "plugin.json").error().message ==
          "plugin.json: command \"c more\": the plugin has no tool \"u\"");
    json["commands"][0]["actions"].erase(1);
    json["commands"].push_back(json["commands"][0]);
    CHECK(Manifest::fromText(json.dump(), "plugin.json").error().message ==
          "plugin.json: command \"c\" is there twice");
    json["commands"].erase(1);
    json["commands"][0]["actions"][0] = {{"name", "-c"}, {"tool", "t"}};
    CHECK_FALSE(Manifest::fromText(json.dump(), "plugin.json"));
}

TEST_CASE("manifest: an id with a namespace is somebody else's code and runs in a process of its own") {
    Json json = sound();
    json["id"] = "acme/cache";
    auto manifest = Manifest::fromText(json.dump(), "plugin.json");
    REQUIRE(manifest);
    CHECK(manifest->community());
    CHECK(manifest->run == RunMode::process);
}

TEST_CASE("manifest: a newer ABI is why an unknown key is refused, and with known keys alone it is read") {
    Json json = sound();
    json["abi"]["needs"] = 99;
    auto readable = Manifest::fromText(json.dump(), "plugin.json");
    REQUIRE(readable);
    CHECK(abiRefusal(readable->abi_needs, readable->id) ==
          concat("needs SDK ABI 1.99, this server has 1.", HOWDAH_ABI_MINOR,
                 "; upgrade the server or install an older version of cache"));
    CHECK(abiRefusal(HOWDAH_ABI_MINOR, "cache") == "");
    CHECK(abiRefusal(HOWDAH_ABI_MINOR + 1, "cache") != "");
    json["key_of_the_future"] = 1;
    auto newer = Manifest::fromText(json.dump(), "plugin.json");
    REQUIRE_FALSE(newer);
    CHECK_MESSAGE(newer.error().message.starts_with("plugin.json: it needs SDK ABI 1.99"), newer.error().message);
    json["abi"] = Json::array({99});
    CHECK(Manifest::fromText(json.dump(), "plugin.json").error().message.find("SDK ABI") == std::string::npos);
}

TEST_CASE("manifest: each mistake is refused with the file and the key") {
    struct Row {
        const char* pointer;  // "" = the whole text
        const char* value;    // JSON, or "-" to take the key out
        const char* told;
    };
    const Row rows[] = {
        {"/id", "-", "id"},
        {"/id", "\"Cache\"", "id"},
        {"/id", "\"a/b/c\"", "id"},
        {"/id", "\"../x\"", "id"},
        {"/schema", "2", "schema"},
        {"/version", "1", "version"},
        {"/abi", "{\"needs\":-1}", "abi.needs"},
        {"/abi", "{\"needs\":70000}", "abi.needs"},
        {"/hooks", "{\"stage\":\"first\",\"events\":[\"beforeQuery\"]}", "hooks.stage"},
        {"/hooks", "{\"stage\":\"guard\"}", "events"},
        {"/hooks", "{\"events\":[\"beforeQuery\"]}", "stage"},
        {"/hooks", "{\"stage\":\"guard\",\"events\":[\"before_query\"]}", "hooks.events"},
        {"/permissions", "[\"root\"]", "permissions"},
        {"/prompts/0/arguments/0/required", "1", "prompts.0.arguments.0.required"},
        {"/resources/0/uri", "\"no scheme\"", "resources.0.uri"},
        {"/resources/0/icons", "[{\"src\":\"http://x/y.png\"}]", "resources.0.icons"},
        {"/resourceTemplates/0/uriTemplate", "\"x:{id}{more}\"", "after {id} must come"},
        {"/resourceTemplates/0/uriTemplate", "\"x:id\"", "no variable"},
        {"/tools/0/name", "\"two words\"", "tools.0.name"},
        {"/tools/0/inputSchema", "{\"type\":\"array\"}", "inputSchema"},
        {"/tools/0/inputSchema", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"int\"}}}", "tool \"t\""},
        {"/tools/0/outputSchema", "{\"type\":7}", "outputSchema"},
        {"/config", "{\"type\":\"nothing\"}", "config"},
        {"/extra", "1", "extra"},
        {"", "[]", "object"},
        {"", "{", "plugin.json"},
        {"", "{\"id\":1,\"id\":2}", "plugin.json"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.pointer);
        CAPTURE(row.value);
        std::string text = row.value;
        if (*row.pointer) {
            Json json = sound();
            if (text == "-") {
                json.erase(std::string(row.pointer + 1));
            } else {
                json[Json::json_pointer(row.pointer)] = Json::parse(text);
            }
            text = json.dump();
        }
        auto manifest = Manifest::fromText(text, "x/plugin.json");
        REQUIRE_FALSE(manifest);
        CHECK(manifest.error().code == Code::invalid_argument);
        CHECK_MESSAGE(manifest.error().message.find("x/plugin.json") == 0, manifest.error().message);
        CHECK_MESSAGE(manifest.error().message.find(row.told) != std::string::npos, manifest.error().message);
    }
}

}  // namespace howdah::kernel
