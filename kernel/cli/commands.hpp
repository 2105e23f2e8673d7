// The commands of the program, one function each; main.cpp parses, these do the work.
//
// Errors: each returns the exit code: 0 done, 1 failed, 2 usage, 3 configuration, 4 database or server not reachable,
//         5 the tool answered with an error. What went wrong and the next step are on stderr.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <howdah/result.hpp>

#include "kernel/config/config.hpp"
#include "kernel/transport/descriptor.hpp"
#include "kernel/transport/stdio.hpp"

namespace howdah::kernel::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kConfiguration = 3;
inline constexpr int kUnreachable = 4;
inline constexpr int kToolError = 5;

struct CommonOptions {
    std::string config;  // --config; empty = $HOWDAH_CONFIG, ./howdah.yaml, ~/.config/howdah/howdah.yaml, environment
    std::string log_level;
};

// The configuration file in force; nullopt = there is none and the environment serves.
std::optional<std::filesystem::path> configFile(const CommonOptions& options);
Result<Config> loadConfig(const CommonOptions& options);
// Prints "howdah: message" and the hint; gives the exit code of the error's kind.
int fail(const Error& error, int exit_code = kFailed);

// `sockets`: those the process was started with.
int serve(const CommonOptions& options, StdioChannel channel, std::vector<Descriptor> sockets);

struct DemoOptions {
    bool check = false;  // do everything once, then exit
    bool keep = false;   // keep the database under the state folder
    std::uint16_t port = 8642;
    std::string log_level = "warn";
};
int demo(const DemoOptions& options);

struct CallOptions {
    std::string tool;
    std::vector<std::string> arguments;  // key=value
    std::string url;                     // of a running server; empty = in this process
    std::string ca_file;                 // PEM; empty = the system's authorities
    bool json = false;                   // print the whole result
    bool by_command = false;             // a plugin's command is this call
    std::string print;                   // the member of the structured content to print; empty = the answer's text
};
int call(const CommonOptions& common, const CallOptions& options);

int doctor(const CommonOptions& options, bool json);
int configCheck(const CommonOptions& options);
int configPrint(const CommonOptions& options);
int pluginList(const CommonOptions& options, bool json);
int pluginOrder(const CommonOptions& options);
int reload(const CommonOptions& options);

}  // namespace howdah::kernel::cli
