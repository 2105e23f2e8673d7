// howdah: the command line.
#include <algorithm>
#include <csignal>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "kernel/base/nearest.hpp"
#include "kernel/cli/commands.hpp"
#include "kernel/config/environment.hpp"
#include "kernel/host/plugin_manager.hpp"
#include "kernel/server/server.hpp"
#include "kernel/transport/http_listener.hpp"

namespace howdah::kernel::cli {
namespace {

// What the words said, for the command they name.
struct Asked {
    CommonOptions common;
    DemoOptions demo;
    CallOptions call;
    bool json = false;
    std::optional<StdioChannel> channel;  // serve only
    std::vector<Descriptor> sockets;      // serve only
};

struct Command {
    const char* group;  // the word before it, "" for none
    const char* name;
    const char* description;
    void (*options)(CLI::App& app, Asked& asked);
    int (*run)(Asked& asked);
};

void configOption(CLI::App& app, Asked& asked) {
    app.add_option("-c,--config", asked.common.config,
                   "configuration file (default: $HOWDAH_CONFIG, ./howdah.yaml, ~/.config/howdah/howdah.yaml, else the "
                   "environment)");
}

void configAndJson(CLI::App& app, Asked& asked) {
    configOption(app, asked);
    app.add_flag("--json", asked.json, "for programs");
}

void serveOptions(CLI::App& app, Asked& asked) {
    configOption(app, asked);
    app.add_option("--log-level", asked.common.log_level, "debug, info, warn, error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

void demoOptions(CLI::App& app, Asked& asked) {
    app.add_flag("--check", asked.demo.check, "do it once and exit");
    app.add_flag("--keep", asked.demo.keep, "keep the database for the next time");
    app.add_option("--port", asked.demo.port, "port on 127.0.0.1")->capture_default_str();
    app.add_option("--log-level", asked.demo.log_level, "debug, info, warn, error")->capture_default_str();
}

void argumentOptions(CLI::App& app, Asked& asked) {
    configOption(app, asked);
    app.add_option("arguments", asked.call.arguments, "key=value; values other than text are JSON");
    app.add_option("--url", asked.call.url,
                   "a running server, e.g. http://127.0.0.1:8642/mcp, https://db.example:8642/mcp or "
                   "unix:/run/howdah.sock; $HOWDAH_TOKEN is sent as its token");
    app.add_option("--ca", asked.call.ca_file,
                   "PEM file of the authorities that may vouch for https://; without it the system's")
        ->needs("--url");
    app.add_flag("--json", asked.call.json, "print the whole result as JSON");
}

void callOptions(CLI::App& app, Asked& asked) {
    app.add_option("tool", asked.call.tool, "name of the tool")->required();
    argumentOptions(app, asked);
}

constexpr Command kCommands[] = {
    {"", "serve", "serve clients: stdio, and HTTP as configured", serveOptions,
     [](Asked& asked) { return serve(asked.common, std::move(*asked.channel), std::move(asked.sockets)); }},
    {"", "demo", "a private PostgreSQL with sample data, served and called", demoOptions,
     [](Asked& asked) { return demo(asked.demo); }},
    {"", "call", "call one tool without a client: howdah call query sql='select 1'", callOptions,
     [](Asked& asked) { return call(asked.common, asked.call); }},
    {"", "doctor", "connections, versions, rights, and what would be refused", configAndJson,
     [](Asked& asked) { return doctor(asked.common, asked.json); }},
    {"config", "check", "is it valid, are its plugins there", configOption,
     [](Asked& asked) { return configCheck(asked.common); }},
    {"config", "print", "the effective one, secrets masked", configOption,
     [](Asked& asked) { return configPrint(asked.common); }},
    {"plugin", "list", "each with state and reason", configAndJson,
     [](Asked& asked) { return pluginList(asked.common, asked.json); }},
    {"plugin", "order", "the hook chain, outermost first", configOption,
     [](Asked& asked) { return pluginOrder(asked.common); }},
    {"", "reload", "let a running server read its configuration again", configOption,
     [](Asked& asked) { return reload(asked.common); }},
};

bool ours(std::string_view word) {
    return std::any_of(std::begin(kCommands), std::end(kCommands),
                       [&](const Command& command) { return word == (*command.group ? command.group : command.name); });
}

// The configuration that the words name, before anything else is known of them.
CommonOptions namedConfig(int argc, char** argv) {
    Asked asked;
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    configOption(app, asked);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError&) {
        return asked.common;  // the same words are parsed whole later, and refused then
    }
    return asked.common;
}

bool asksForHelp(std::string_view word) {
    return word == "--help" || word == "-h";
}

// What the configured plugins add. Looked up for --help and for a word that is none of ours: ours are never theirs, and
// do not read a configuration to be understood. Without a file there are the core's plugins alone, which add nothing.
Result<std::vector<CommandManifest>> pluginCommands(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first.empty() || ours(first) || (first.starts_with('-') && !asksForHelp(first)))
        return std::vector<CommandManifest>{};
    const CommonOptions named = namedConfig(argc, argv);
    if (!configFile(named)) return std::vector<CommandManifest>{};
    auto config = loadConfig(named);
    if (!config) return std::move(config).error();
    return PluginManager::commands(*config, pluginPaths(*config));
}

void addPluginCommand(CLI::App& app, const CommandManifest& command, Asked& asked) {
    if (ours(command.name)) return;
    CLI::App* parent = app.add_subcommand(command.name, command.summary)->require_subcommand(1);
    for (const CommandManifest::Action& action : command.actions) {
        CLI::App* made = parent->add_subcommand(action.name, action.summary);
        argumentOptions(*made, asked);
        made->callback([&asked, action] {
            asked.call.tool = action.tool;
            asked.call.print = action.print;
            asked.call.by_command = true;
        });
    }
}

const char* groupText(std::string_view group) {
    return group == "config" ? "the configuration" : "the plugins of a running server";
}

// From here on nobody but the transport can reach the wire, so this comes before anything that could print.
Result<void> claimWire(int argc, char** argv, Asked& asked) {
    if (argc < 2 || std::string_view(argv[1]) != "serve") return {};
    if (argc > 2 && (std::string_view(argv[2]) == "--help" || std::string_view(argv[2]) == "-h")) return {};
    asked.sockets = passedSockets(processEnvironment());
    auto claimed = StdioChannel::claim();
    if (!claimed) return std::move(claimed).error();
    asked.channel.emplace(std::move(*claimed));
    return {};
}

// What stands where a command was to stand, or that nothing does; nullopt when something else is wrong.
std::optional<Error> commandProblem(const CLI::App& app) {
    const CLI::App* at = &app;
    std::string words = "howdah";
    while (!at->get_subcommands().empty()) {
        at = at->get_subcommands().front();
        words += concat(" ", at->get_name());
    }
    if (at->get_require_subcommand_min() == 0) return std::nullopt;
    std::vector<std::string_view> known;
    std::string list;
    for (const CLI::App* command : at->get_subcommands([](const CLI::App*) { return true; })) {
        known.push_back(command->get_name());
        list += concat(list.empty() ? "" : ", ", command->get_name());
    }
    const auto left = at->remaining();
    const std::string next = concat("commands: ", list, "; ", words, " --help says what they do");
    if (left.empty()) return Error::invalidArgument("a command is missing after ", words).withHint(next);
    const std::string after = at == &app ? "" : concat(" after ", words);
    if (left.front().starts_with('-'))
        return Error::invalidArgument("no option \"", left.front(), "\"", after).withHint(next);
    return Error::invalidArgument("no command \"", left.front(), "\"", after, didYouMean(left.front(), known))
        .withHint(next);
}

int run(int argc, char** argv) {
    Asked asked;
    if (auto claimed = claimWire(argc, argv, asked); !claimed) return fail(claimed.error());

    CLI::App app{
        "Howdah lets AI agents work with PostgreSQL over the Model Context Protocol.\n"
        "Start with `howdah demo`, or `howdah serve` with DATABASE_URL set.",
        "howdah"};
    app.require_subcommand(1);
    app.set_version_flag("--version", concat("howdah ", kVersion));
    app.failure_message([](const CLI::App*, const CLI::Error& wrong) {
        return concat("howdah: ", wrong.what(), "\n  howdah --help, or --help behind a command, says what it takes\n");
    });
    std::map<std::string_view, CLI::App*> parents{{"", &app}};
    std::vector<std::pair<const CLI::App*, const Command*>> added;
    for (const Command& command : kCommands) {
        CLI::App*& parent = parents[command.group];
        if (!parent) parent = app.add_subcommand(command.group, groupText(command.group))->require_subcommand(1);
        CLI::App* made = parent->add_subcommand(command.name, command.description);
        command.options(*made, asked);
        added.emplace_back(made, &command);
    }

    auto brought = pluginCommands(argc, argv);
    if (!brought) {
        const std::string what = asksForHelp(argv[1]) ? "plugins' commands, which may be more, are not known"
                                                      : concat(argv[1],
                                                               " is no command of the program itself, and a "
                                                               "plugin's is known by the configuration alone");
        Error error = std::move(brought).error();
        error.hint += concat(error.hint.empty() ? "" : "\n  ", what);
        const int code = fail(error, kConfiguration);
        if (!asksForHelp(argv[1])) return code;
        brought = std::vector<CommandManifest>{};
    }
    for (const CommandManifest& command : *brought)
        addPluginCommand(app, command, asked);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& wrong) {
        if (wrong.get_exit_code() != 0) {
            if (auto problem = commandProblem(app)) return fail(*problem, kUsage);
        }
        int code = app.exit(wrong, asked.channel ? std::cerr : std::cout, std::cerr);
        return code == 0 ? kDone : kUsage;
    }
    for (const auto& [parsed, command] : added) {
        if (*parsed) return command->run(asked);
    }
    if (asked.call.by_command) return call(asked.common, asked.call);
    return kUsage;
}

}  // namespace
}  // namespace howdah::kernel::cli

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a client that hangs up is an error of one write, not of the process
    return howdah::kernel::cli::run(argc, argv);
}
