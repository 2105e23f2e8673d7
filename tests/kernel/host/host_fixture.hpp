// A plugin host without a server: runtime, control fiber, manager, and a way to call the test plugins' tool.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <simdjson.h>
#include <stdlib.h>

#include "kernel/host/plugin_manager.hpp"
#include "kernel/pipeline/calls.hpp"
#include "kernel/runtime/support.hpp"

namespace howdah::kernel {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "howdah-host-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()));
        path = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    void write(const std::filesystem::path& name, std::string_view text) const {
        std::filesystem::create_directories((path / name).parent_path());
        std::ofstream(path / name, std::ios::binary) << text;
    }
    std::vector<std::string> lines(const std::filesystem::path& name) const {
        std::vector<std::string> out;
        std::ifstream file(path / name);
        for (std::string line; std::getline(file, line);)
            out.push_back(line);
        return out;
    }

    std::filesystem::path path;
};

class TextAnswer final : public Answer {
public:
    Result<void> text(std::string_view bytes) override {
        written += bytes;
        return {};
    }
    Result<void> structured(std::string_view) override { return {}; }
    Result<void> content(std::string_view) override { return {}; }
    Result<void> progress(double, double, std::string_view) override { return {}; }
    bool wantsProgress() const override { return false; }
    Result<void> log(std::uint32_t, std::string_view, std::string_view) override { return {}; }

    std::string written;
};

inline PluginEntry entryOf(const std::string& id, Json section = Json::object()) {
    PluginEntry entry;
    entry.id = id;
    entry.section = std::move(section);
    return entry;
}

class HostFixture {
public:
    HostFixture()
        : runtime(startRuntime({.shards = 2})),
          services{generations, *runtime, kv},
          control(runtime->shard(0)),
          manager(services, control, {folder.path, HOWDAH_TEST_PLUGINS}) {
        services.state_dir = folder.path.string();
        control.start();
    }
    ~HostFixture() { end(); }
    // Stops everything; what is left of generations ends first.
    void end() {
        if (ended_) return;
        ended_ = true;
        control.call([&] { manager.stop(); });
        control.stop();
        CHECK(runtime->stop(hang()).clean());
    }

    Config config(std::vector<PluginEntry> plugins) const {
        Config made;
        made.databases.emplace_back().name = "main";
        made.databases.back().allow_unguarded = true;  // most tests have no guard among their plugins
        made.plugins = std::move(plugins);
        made.state_dir = folder.path;
        return made;
    }
    Result<std::vector<std::string>> apply(const Config& config, bool strict = true) {
        Result<std::vector<std::string>> changes{Error{}};
        control.call([&] { changes = manager.apply(config, strict); });
        return changes;
    }
    // A test plugin, found before the built one, that is of stage scope.
    void scopeWith(const std::string& id) const {
        const auto built = std::filesystem::path(HOWDAH_TEST_PLUGINS) / id;
        std::ifstream file(built / "plugin.json");
        std::string manifest{std::istreambuf_iterator<char>(file), {}};
        const std::size_t at = manifest.find("\"guard\"");
        REQUIRE(at != std::string::npos);
        folder.write(id + "/plugin.json", manifest.replace(at, 7, "\"scope\""));
        std::filesystem::copy_file(built / (id + ".so"), folder.path / id / (id + ".so"));
    }
    std::string refusal(const Config& config) {
        auto changes = apply(config);
        return changes ? "" : changes.error().message + " | " + changes.error().hint;
    }

    // Calls a tool in a running fiber; its text, or "! " and the error's.
    std::string call(const char* tool = "probe", std::string_view arguments = "{}",
                     Cancellation* cancellation = nullptr) {
        simdjson::dom::parser parser;
        simdjson::dom::element element;
        if (parser.parse(simdjson::padded_string(arguments)).get(element) != simdjson::SUCCESS) return "! json";
        Request request;
        request.generation = generations.pin();
        request.transport = "test";
        request.cancellation = cancellation;
        TextAnswer answer;
        auto known = findTool(*request.generation, tool);
        auto done = known ? callTool(request, **known, element, answer) : Result<void>(known.error());
        return done ? answer.written : "! " + done.error().message;
    }
    std::string callOnFiber(unsigned shard = 1) {
        std::string said;
        onFiber(runtime->shard(shard), [&] { said = call(); });
        return said;
    }

    TemporaryFolder folder;
    GenerationStore generations;
    KvStore kv;
    std::unique_ptr<Runtime> runtime;
    HostServices services;
    ControlFiber control;
    PluginManager manager;

private:
    bool ended_ = false;
};

}  // namespace howdah::kernel
