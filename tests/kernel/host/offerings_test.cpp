#include <algorithm>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "kernel/host/host_fixture.hpp"

namespace howdah::kernel {
namespace {

// The conformance fixture with another plugin.json.
struct Altered : HostFixture {
    Json manifest;
    const std::filesystem::path place = folder.path / "fixture";

    Altered() {
        std::filesystem::copy(std::filesystem::path(HOWDAH_TEST_PLUGINS) / "fixture", place);
        std::ifstream file(place / "plugin.json");
        manifest = Json::parse(file);
    }
    std::string refused() {
        std::ofstream(place / "plugin.json") << manifest.dump();
        PluginEntry entry = entryOf("fixture");
        entry.library = place.string();
        return refusal(config({entry}));
    }
};

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("offerings: lists are sorted, and a generation knows its resources and those its templates stand for") {
    Altered host;
    REQUIRE(host.refused() == "");
    const auto generation = host.generations.pin();
    for (const auto* list : {&generation->tools_list, &generation->prompts_list, &generation->resources_list})
        CHECK(std::ranges::is_sorted(*list, {}, &Listed::key));
    CHECK(generation->prompts_list.size() == host.manifest["prompts"].size());
    CHECK(generation->hasResource("test://static-text"));
    CHECK(generation->hasResource("test://template/7/data"));
    CHECK_FALSE(generation->hasResource("test://template/7/8/data"));
}

TEST_CASE("offerings: what plugin.json names and start() does not bind is refused by its name") {
    for (const auto& [list, key] :
         {std::pair{"prompts", "name"}, {"resources", "uri"}, {"resourceTemplates", "uriTemplate"}}) {
        Altered host;
        Json extra = host.manifest[list][0];
        extra[key] = "extra://{x}";
        host.manifest[list].push_back(extra);
        CHECK_MESSAGE(says(host.refused(), "\"extra://{x}\", and start() bound nothing to it"), list);
    }
}

TEST_CASE("offerings: one name twice is refused") {
    for (const char* list : {"prompts", "resources", "resourceTemplates"}) {
        Altered host;
        host.manifest[list].push_back(host.manifest[list][0]);
        CHECK_MESSAGE(says(host.refused(), "take one of them out"), list);
    }
}

}  // namespace howdah::kernel
