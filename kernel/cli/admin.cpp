// Commands about configuration and plugins.
#include <cstdio>

#include "kernel/base/log.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/config/yaml.hpp"
#include "kernel/server/control_name.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {
namespace {

constexpr std::chrono::seconds kAnswerLimit{120};  // a reload may start a database

// What the server answered; without it what went wrong has been printed, and this is how the command ends.
struct Answered {
    std::optional<Json> answer;
    int exit_code = kDone;
};

Answered ask(const CommonOptions& options, std::string_view command) {
    auto config = loadConfig(options);
    if (!config) return {{}, fail(config.error(), kConfiguration)};
    auto path = controlSocketOf(*config);
    if (!path) return {{}, fail(path.error(), kConfiguration)};
    const Json request{{"command", command}, {"configuration", canonicalFile(config->file)}};
    bool answered = false;
    auto text = controlRequest(*path, dumpJson(request), kAnswerLimit, &answered);
    if (!text) {
        // A server that says that something else is unavailable was reached.
        const bool unreachable = !answered && text.error().code == Code::unavailable;
        if (!unreachable) return {{}, fail(text.error())};
        const std::string meant = config->file.empty() ? "" : concat(" -c ", config->file.string());
        return {{},
                fail(std::move(text).error().withHint(concat("start one with: howdah serve", meant,
                                                             "; a server of another file is reached with its -c")),
                     kUnreachable)};
    }
    auto json = parseJson(*text);
    if (!json) return {{}, fail(json.error())};
    return {std::move(*json), kDone};
}

std::string joined(const Json& list) {
    std::string out;
    for (const Json& item : list)
        out += (out.empty() ? "" : ", ") + item.get<std::string>();
    return out;
}

}  // namespace

int configCheck(const CommonOptions& options) {
    auto config = loadConfig(options);
    if (!config) return fail(config.error(), kConfiguration);
    auto warnings = PluginManager::check(*config, pluginPaths(*config));
    if (!warnings) return fail(warnings.error(), kConfiguration);
    if (const auto& http = config->transports.http; http && http->tls) {
        auto certificate = TlsCertificate::load({http->tls->certificate, http->tls->key});
        if (!certificate) return fail(certificate.error(), kConfiguration);
        for (std::string& warning : (*certificate)->warnings())
            warnings->push_back(std::move(warning));
    }
    for (const auto* list : {&config->warnings, &*warnings}) {
        for (const std::string& warning : *list)
            std::fprintf(stderr, "warning: %s\n", warning.c_str());
    }
    std::printf("%s: valid, %zu plugins, %zu databases\n", config->source.c_str(), config->plugins.size(),
                config->databases.size());
    return kDone;
}

int configPrint(const CommonOptions& options) {
    auto config = loadConfig(options);
    if (!config) return fail(config.error(), kConfiguration);
    std::printf("# from %s\n%s\n", config->source.c_str(), toYaml(printable(*config)).c_str());
    return kDone;
}

int pluginList(const CommonOptions& options, bool json) {
    const auto [answer, exit_code] = ask(options, "plugins");
    if (!answer) return exit_code;
    if (json) {
        std::printf("%s\n", dumpJson(*answer, 2).c_str());
        return kDone;
    }
    std::printf("generation %llu\n", static_cast<unsigned long long>((*answer)["generation"].get<std::uint64_t>()));
    for (const Json& plugin : (*answer)["plugins"]) {
        std::printf("%-16s %-10s %-12s %-8s %s\n", plugin["id"].get<std::string>().c_str(),
                    plugin.value("version", "?").c_str(), plugin["state"].get<std::string>().c_str(),
                    plugin["run"].get<std::string>().c_str(),
                    plugin.contains("reason") ? plugin["reason"].get<std::string>().c_str()
                                              : joined(plugin.value("tools", Json::array())).c_str());
    }
    if (const Json tls = answer->value("tls", Json()); tls.is_object())
        std::printf("tls: %s; %llu handshakes failed\n", tls["certificate"].get<std::string>().c_str(),
                    static_cast<unsigned long long>(tls["failed_handshakes"].get<std::uint64_t>()));
    if (answer->contains("closed"))
        std::printf("queries are refused: %s\n", (*answer)["closed"].get<std::string>().c_str());
    for (const Json& database : (*answer)["databases"]) {
        if (!database.contains("closed")) continue;
        std::printf("queries to database \"%s\" are refused: %s\n", database["name"].get<std::string>().c_str(),
                    database["closed"].get<std::string>().c_str());
    }
    return kDone;
}

int pluginOrder(const CommonOptions& options) {
    const auto [answer, exit_code] = ask(options, "order");
    if (!answer) return exit_code;
    for (const Json& slot : *answer) {
        std::printf("%-8s %-16s mode: %-8s on_failure: %s\n", slot["stage"].get<std::string>().c_str(),
                    slot["plugin"].get<std::string>().c_str(), slot["mode"].get<std::string>().c_str(),
                    slot["on_failure"].get<std::string>().c_str());
    }
    return kDone;
}

int reload(const CommonOptions& options) {
    const auto [answer, exit_code] = ask(options, "reload");
    if (!answer) return exit_code;
    std::printf("%s\n", (*answer)["text"].get<std::string>().c_str());
    return kDone;
}

}  // namespace howdah::kernel::cli
