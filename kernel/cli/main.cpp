// howdah: the command line.
#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "kernel/cli/commands.hpp"
#include "kernel/server/server.hpp"

namespace cli = howdah::kernel::cli;

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a client that hangs up is an error of one write, not of the process
    // Before anything else: from here on nobody but the transport can reach the wire.
    std::optional<howdah::kernel::StdioChannel> channel;
    if (argc > 1 && std::string_view(argv[1]) == "serve") {
        bool asks_help = argc > 2 && (std::string_view(argv[2]) == "--help" || std::string_view(argv[2]) == "-h");
        if (!asks_help) {
            auto claimed = howdah::kernel::StdioChannel::claim();
            if (!claimed) return cli::fail(claimed.error());
            channel.emplace(std::move(*claimed));
        }
    }

    CLI::App app{
        "Howdah lets AI agents work with PostgreSQL over the Model Context Protocol.\n"
        "Start with `howdah demo`, or `howdah serve` with DATABASE_URL set.",
        "howdah"};
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string{"howdah "} + std::string{howdah::kernel::kVersion});
    app.failure_message(CLI::FailureMessage::help);
    cli::CommonOptions common;
    auto configured = [&](CLI::App* command) {
        command->add_option("-c,--config", common.config,
                            "configuration file (default: $HOWDAH_CONFIG, ./howdah.yaml, "
                            "~/.config/howdah/howdah.yaml, else the environment)");
        return command;
    };

    auto* serve = configured(app.add_subcommand("serve", "serve clients: stdio, and HTTP as configured"));
    serve->add_option("--log-level", common.log_level, "debug, info, warn, error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));

    cli::DemoOptions demo_options;
    auto* demo = app.add_subcommand("demo", "a private PostgreSQL with sample data, served and called");
    demo->add_flag("--check", demo_options.check, "do it once and exit");
    demo->add_flag("--keep", demo_options.keep, "keep the database for the next time");
    demo->add_option("--port", demo_options.port, "port on 127.0.0.1")->capture_default_str();
    demo->add_option("--log-level", demo_options.log_level, "debug, info, warn, error")->capture_default_str();

    cli::CallOptions call_options;
    auto* call =
        configured(app.add_subcommand("call", "call one tool without a client: howdah call query sql='select 1'"));
    call->add_option("tool", call_options.tool, "name of the tool")->required();
    call->add_option("arguments", call_options.arguments, "key=value; values other than text are JSON");
    call->add_option("--url", call_options.url, "a running server, e.g. http://127.0.0.1:8642/mcp");
    call->add_flag("--json", call_options.json, "print the whole result as JSON");

    bool json = false;
    auto* doctor = configured(app.add_subcommand("doctor", "connections, versions, rights, and what would be refused"));
    doctor->add_flag("--json", json, "for programs");

    auto* config = app.add_subcommand("config", "the configuration");
    config->require_subcommand(1);
    auto* check = configured(config->add_subcommand("check", "is it valid, are its plugins there"));
    auto* print = configured(config->add_subcommand("print", "the effective one, secrets masked"));

    auto* plugin = app.add_subcommand("plugin", "the plugins of a running server");
    plugin->require_subcommand(1);
    auto* list = configured(plugin->add_subcommand("list", "each with state and reason"));
    list->add_flag("--json", json, "for programs");
    auto* order = configured(plugin->add_subcommand("order", "the hook chain, outermost first"));

    auto* reload = configured(app.add_subcommand("reload", "let a running server read its configuration again"));

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& wrong) {
        int code = app.exit(wrong, channel ? std::cerr : std::cout, std::cerr);
        return code == 0 ? cli::kDone : cli::kUsage;
    }
    if (*serve) return cli::serve(common, std::move(*channel));
    if (*demo) return cli::demo(demo_options);
    if (*call) return cli::call(common, call_options);
    if (*doctor) return cli::doctor(common, json);
    if (*check) return cli::configCheck(common);
    if (*print) return cli::configPrint(common);
    if (*list) return cli::pluginList(common, json);
    if (*order) return cli::pluginOrder(common);
    if (*reload) return cli::reload(common);
    return cli::kUsage;
}
