// From a checked document to the typed Config: every value is known to have the right type and range here.
#pragma once

#include <filesystem>

#include "kernel/config/config.hpp"

namespace howdah::kernel {

// What the schema cannot say (loopback, duplicate plugins) is checked here. Fills everything but file, source, secrets.
Result<void> readConfig(const YamlDocument& document, const std::filesystem::path& folder,
                        const Environment& environment, Config& config);

// pool, guard, query, schema: what runs when the configuration names no plugins.
std::vector<PluginEntry> defaultPlugins();

std::filesystem::path defaultStateDir(const Environment& environment);

}  // namespace howdah::kernel
