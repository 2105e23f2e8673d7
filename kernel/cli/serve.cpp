#include <cstdio>

#include "kernel/base/log.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/cli/signals.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {

int serve(const CommonOptions& options, StdioChannel channel) {
    Signals signals;
    auto config = loadConfig(options);
    if (!config) return fail(config.error(), kConfiguration);
    if (auto logging = startLog({logLevelOf(config->log.level), config->log.file}); !logging)
        return fail(logging.error(), kConfiguration);
    for (const std::string& warning : config->warnings)
        logWarn("config", warning);
    logInfo("serve", "howdah ", kVersion, ", configuration from ", config->source);

    const auto drain = config->limits.drain_timeout;
    const auto http = config->transports.http;  // the server's own copy changes with a reload
    Server::Options parts;
    if (config->transports.stdio) parts.stdio.emplace(std::move(channel));
    parts.on_stdio_end = [&signals] { signals.stdioEnded(); };
    if (auto file = configFile(options)) parts.reload = [path = *file] { return Config::fromFile(path); };
    auto server = Server::start(std::move(*config), std::move(parts));
    if (!server) {
        stopLog();
        return fail(server.error(), kConfiguration);
    }
    if ((*server)->httpPort() != 0) {
        logInfo("serve", "listening on http://", http->host, ":", (*server)->httpPort(), http->path,
                ", auth: ", http->auth);
    }

    bool clean = true;
    while (true) {
        Signals::What what = signals.next();
        if (what == Signals::What::reload) {
            (void)(*server)->reload();  // it logs what came of it
            continue;
        }
        if (what == Signals::What::stdio_ended && (*server)->httpPort() != 0) continue;  // HTTP clients remain
        signals.nextStopIsFinal();
        logInfo("serve", what == Signals::What::stop ? "stopping" : "the client closed its end");
        clean = (*server)->stop(Deadline::in(drain));
        break;
    }
    server->reset();
    stopLog();
    return clean ? kDone : kFailed;
}

}  // namespace howdah::kernel::cli
