// howdah doctor: what works, what does not, and what to do about it.
#include <cstdio>

#include "kernel/base/log.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {
namespace {

// A report says {"status","checks":[{"name","status","text","remedy"?}]}; anything else in it is for --json.
void printReport(const std::string& plugin, const Json& report) {
    std::printf("\n%s: %s\n", plugin.c_str(), report.value("status", "ok").c_str());
    if (report.contains("error")) std::printf("  %s\n", report["error"].get<std::string>().c_str());
    for (const Json& check : report.value("checks", Json::array())) {
        std::printf("  %-5s %-24s %s\n", check.value("status", "?").c_str(), check.value("name", "").c_str(),
                    check.value("text", "").c_str());
        if (check.contains("remedy")) std::printf("        -> %s\n", check["remedy"].get<std::string>().c_str());
    }
}

}  // namespace

int doctor(const CommonOptions& options, bool json) {
    auto config = loadConfig(options);
    if (!config) return fail(config.error(), kConfiguration);
    LogOptions quiet;
    quiet.level = LogLevel::error;
    if (auto logging = startLog(quiet); !logging) return fail(logging.error());
    std::string source = config->source;
    Server::Options parts;
    parts.network = false;
    parts.control = false;
    auto server = Server::start(std::move(*config), std::move(parts));
    if (!server) {
        stopLog();
        return fail(server.error(), kConfiguration);
    }
    Json report = (*server)->report();
    report["configuration"] = source;
    (*server)->stop(Deadline::in(std::chrono::seconds(5)));
    server->reset();
    stopLog();

    int code = kDone;
    for (const Json& plugin : report["plugins"]) {
        if (plugin["state"] != "running") code = kConfiguration;
    }
    for (const auto& [id, plugin] : report["reports"].items()) {
        if (plugin.value("status", "ok") == "fail") code = kUnreachable;
    }
    if (json) {
        std::printf("%s\n", dumpJson(report, 2).c_str());
        return code;
    }
    std::printf("howdah %s\nconfiguration: %s\n", report["version"].get<std::string>().c_str(), source.c_str());
    std::printf("plugins:\n");
    for (const Json& plugin : report["plugins"]) {
        std::printf("  %-16s %-10s %s%s\n", plugin["id"].get<std::string>().c_str(),
                    plugin.value("version", "?").c_str(), plugin["state"].get<std::string>().c_str(),
                    plugin.contains("reason") ? (": " + plugin["reason"].get<std::string>()).c_str() : "");
    }
    if (report.contains("closed"))
        std::printf("\nqueries are refused: %s\n", report["closed"].get<std::string>().c_str());
    for (const auto& [id, plugin] : report["reports"].items())
        printReport(id, plugin);
    return code;
}

}  // namespace howdah::kernel::cli
