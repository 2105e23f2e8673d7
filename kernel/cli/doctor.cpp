// howdah doctor: what works, what does not, and what to do about it.
#include <array>
#include <cstdio>
#include <optional>

#include <unistd.h>

#include "kernel/base/log.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/server/control_name.hpp"
#include "kernel/server/server.hpp"
#include "kernel/server/transport_choice.hpp"
#include "kernel/transport/http_listener.hpp"

namespace howdah::kernel::cli {
namespace {

// What a report tells of a database, in this order; further members are for --json, rights that are false for nobody.
constexpr std::array<const char*, 9> kDatabaseTexts{"host",    "port",   "dbname",         "user", "password",
                                                    "sslmode", "pooler", "server_version", "role"};

// A report says {"status","checks":[{"name","status","text","remedy"?}],"databases"?:[{"name",...}]}; anything else in
// it is for --json.
void printReport(const std::string& plugin, const Json& report) {
    std::printf("\n%s: %s\n", plugin.c_str(), report.value("status", "ok").c_str());
    if (report.contains("error")) std::printf("  %s\n", report["error"].get<std::string>().c_str());
    for (const Json& check : report.value("checks", Json::array())) {
        std::printf("  %-5s %-24s %s\n", check.value("status", "?").c_str(), check.value("name", "").c_str(),
                    check.value("text", "").c_str());
        if (check.contains("remedy")) std::printf("        -> %s\n", check["remedy"].get<std::string>().c_str());
    }
}

void printPlugins(const Json& plugins) {
    std::printf("plugins:\n");
    for (const Json& plugin : plugins) {
        std::printf("  %-16s %-10s %s%s\n", plugin["id"].get<std::string>().c_str(),
                    plugin.value("version", "?").c_str(), plugin["state"].get<std::string>().c_str(),
                    plugin.contains("reason") ? (": " + plugin["reason"].get<std::string>()).c_str() : "");
    }
}

// Where the database is and what its role may do, as the plugin that knows it reports.
void printSource(const Json& database) {
    std::string texts, rights;
    for (const char* key : kDatabaseTexts) {
        if (database.contains(key) && database[key].is_string())
            texts += concat(texts.empty() ? "" : ", ", key, ": ", database[key].get<std::string>());
    }
    for (const auto& [key, value] : database.items()) {
        if (value.is_boolean() && value.get<bool>()) rights += concat(rights.empty() ? "" : ", ", key);
    }
    std::printf("    %s\n", texts.c_str());
    std::printf("    rights and state: %s\n", rights.empty() ? "none" : rights.c_str());
}

// Plugins that may refuse a query, in the order they are asked.
std::string judgesOf(const Json& hooks) {
    std::string judges;
    for (const Json& hook : hooks) {
        const std::string stage = hook["stage"].get<std::string>();
        if (hook["mode"] != "enforce" || stage == "observe" || stage == "recall") continue;
        judges += concat(judges.empty() ? "" : ", ", hook["plugin"].get<std::string>(), " (stage ", stage, ")");
    }
    return judges;
}

void printRefusals(const Json& report, const Json& database) {
    const std::string judges = judgesOf(report["hooks"]);
    if (report.contains("closed")) {
        std::printf("    refused: every query: %s\n", report["closed"].get<std::string>().c_str());
    } else if (database.contains("closed")) {
        std::printf("    refused: every query of a client: %s\n", database["closed"].get<std::string>().c_str());
        std::printf("      -> list one under plugins:, or write databases.%s.allow_unguarded: true\n",
                    database["name"].get<std::string>().c_str());
    } else if (!judges.empty()) {
        std::printf("    refused: what does not pass %s\n", judges.c_str());
    }
    if (database["access"] == "restricted") std::printf("    refused: what writes: access is restricted\n");
    if (database.value("unguarded", false))
        std::printf("    warning: queries of clients pass unjudged: allow_unguarded is true\n");
}

void printDatabases(const Json& report) {
    std::printf("databases:\n");
    for (const Json& database : report["databases"]) {
        const std::string name = database["name"].get<std::string>();
        std::printf("  %-16s %s, from %s\n", name.c_str(), database["access"].get<std::string>().c_str(),
                    database.value("origin", "").c_str());
        for (const auto& [id, plugin] : report["reports"].items()) {
            for (const Json& told : plugin.value("databases", Json::array()))
                if (told.value("name", "") == name) printSource(told);
        }
        printRefusals(report, database);
    }
}

// A plugin that does not run or a database that is closed is the configuration's matter, all else the database's.
int exitCodeOf(const Json& report) {
    int code = report.contains("closed") ? kConfiguration : kDone;
    for (const Json& plugin : report["plugins"])
        if (plugin["state"] != "running") code = kConfiguration;
    for (const Json& database : report["databases"])
        if (database.contains("closed")) code = kConfiguration;
    for (const auto& [id, plugin] : report["reports"].items())
        if (plugin.value("status", "ok") == "fail") code = kUnreachable;
    return code;
}

// What a server of this configuration would serve on, started as this process was; a choice is made here too.
Result<std::string> transportsOf(Config& config) {
    if (config.transports.automatic) {
        const Environment environment = processEnvironment();
        auto choice = chooseTransports(StartedBy::now(passedSocketCount(environment), STDIN_FILENO, environment));
        if (!choice) return std::move(choice).error();
        choice->applyTo(config);
        return concat("auto: started like this command, ", choice->describe());
    }
    std::string text = config.transports.stdio ? "stdio" : "";
    if (config.transports.http) {
        for (const ListenAddress& address : config.transports.http->listen)
            text += concat(text.empty() ? "" : ", ", "HTTP on ", address.text());
        if (config.transports.http->tls) text += " with TLS";
    }
    return concat("as the configuration names them: ", text);
}

// What the server of this configuration that runs, if one does, says of itself.
std::optional<Json> askRunning(const Config& config) {
    auto path = controlSocketOf(config);
    if (!path) return std::nullopt;
    const Json request{{"command", "doctor"}, {"configuration", canonicalFile(config.file)}};
    bool answered = false;
    auto text = controlRequest(*path, dumpJson(request), std::chrono::seconds(15), &answered);
    if (!text) return std::nullopt;
    auto json = parseJson(*text);
    if (!json || !json->contains("reports")) return std::nullopt;
    return std::move(*json);
}

}  // namespace

int doctor(const CommonOptions& options, bool json) {
    auto config = loadConfig(options);
    if (!config) return fail(config.error(), kConfiguration);
    LogOptions quiet;
    quiet.level = LogLevel::error;
    if (auto logging = startLog(quiet); !logging) return fail(logging.error());
    std::string source = config->source;
    auto transports = transportsOf(*config);
    if (!transports) {
        stopLog();
        return fail(transports.error(), kConfiguration);
    }
    const auto running = askRunning(*config);
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
    report["transports"] = *transports;
    if (running) report["running"] = *running;
    (*server)->stop(Deadline::in(std::chrono::seconds(5)));
    server->reset();
    stopLog();

    if (json) {
        std::printf("%s\n", dumpJson(report, 2).c_str());
        return exitCodeOf(report);
    }
    std::printf("howdah %s\nconfiguration: %s\n", report["version"].get<std::string>().c_str(), source.c_str());
    std::printf("transports: %s\n", transports->c_str());
    printPlugins(report["plugins"]);
    printDatabases(report);
    for (const auto& [id, plugin] : report["reports"].items())
        printReport(id, plugin);
    if (running) {
        std::printf("\nthe server that runs:\n");
        for (const auto& [id, plugin] : (*running)["reports"].items())
            printReport(id, plugin);
    }
    return exitCodeOf(report);
}

}  // namespace howdah::kernel::cli
