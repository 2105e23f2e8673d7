#include <algorithm>
#include <cstdio>
#include <optional>

#include "kernel/base/log.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/cli/signals.hpp"
#include "kernel/server/server.hpp"
#include "kernel/server/transport_choice.hpp"

namespace howdah::kernel::cli {

int serve(const CommonOptions& options, StdioChannel channel, std::vector<Descriptor> sockets) {
    Signals signals;
    auto config = loadConfig(options);
    if (!config) return fail(config.error(), kConfiguration);
    if (auto logging = startLog({logLevelOf(config->log.level), config->log.file}); !logging)
        return fail(logging.error(), kConfiguration);
    for (const std::string& warning : config->warnings)
        logWarn("config", warning);
    logInfo("serve", "howdah ", kVersion, ", configuration from ", config->source);

    std::optional<TransportChoice> choice;
    const StartedBy started = StartedBy::now(sockets.size(), channel.input(), processEnvironment());
    if (config->transports.automatic) {
        auto chosen = chooseTransports(started);
        if (!chosen) {
            stopLog();
            return fail(chosen.error(), kConfiguration);
        }
        logInfo("serve", "transports: auto: ", chosen->describe());
        choice.emplace(std::move(*chosen));
        choice->applyTo(*config);
    }

    const auto& http = config->transports.http;
    const auto takes_passed = [](const ListenAddress& address) { return address.kind == ListenAddress::Kind::systemd; };
    if (!sockets.empty() && (!http || std::ranges::none_of(http->listen, takes_passed))) {
        logWarn("serve", "started with ", sockets.size(),
                " sockets that nothing listens on: transports.http.listen does not name systemd");
    }

    const auto drain = config->limits.drain_timeout;
    const std::string auth = http ? http->auth : "";
    Server::Options parts;
    if (config->transports.stdio) parts.stdio.emplace(std::move(channel));
    parts.on_stdio_end = [&signals] { signals.stdioEnded(); };
    parts.passed_sockets = std::move(sockets);
    if (auto file = configFile(options)) {
        parts.reload = [path = *file, choice] {
            auto fresh = Config::fromFile(path);
            if (fresh && fresh->transports.automatic && choice) choice->applyTo(*fresh);
            return fresh;
        };
    }
    auto server = Server::start(std::move(*config), std::move(parts));
    if (!server) {
        stopLog();
        return fail(server.error(), kConfiguration);
    }
    for (const std::string& address : (*server)->httpAddresses())
        logInfo("serve", "listening on ", address, ", auth: ", auth);
    // The log may go to a file, and who sits at a terminal wants to know what now.
    if (choice && started.input == StartedBy::Input::terminal) {
        for (const std::string& address : (*server)->httpAddresses())
            std::fprintf(stderr, "howdah: point an MCP client at %s; Ctrl-C ends the server\n", address.c_str());
    }

    bool clean = true;
    while (true) {
        Signals::What what = signals.next();
        if (what == Signals::What::reload) {
            (void)(*server)->reload();  // it logs what came of it
            continue;
        }
        if (what == Signals::What::stdio_ended && (*server)->servesHttp()) continue;  // HTTP clients remain
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
