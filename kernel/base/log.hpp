// The server's log: lines to stderr or a file through a bounded queue that drops (and counts) and never blocks a shard.
//
// Threads: any.
// Errors:  startLog() fails when the file cannot be opened; a line is never an error.
// Secrets: passwords, connection strings and row values are never passed in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::kernel {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

// "debug", "info", "warn", "error" or "off", as in the configuration; anything else is info.
LogLevel logLevelOf(std::string_view name);

struct LogOptions {
    LogLevel level = LogLevel::info;
    std::string file;  // empty = stderr
};

// Before this the log writes to stderr directly. Once per process.
Result<void> startLog(const LogOptions& config);
// Writes what is queued and ends the log's thread.
void stopLog();

void logLine(LogLevel level, std::string_view component, std::string_view text);
bool logEnabled(LogLevel level);
std::uint64_t logLinesDropped();

template <typename... Parts>
void log(LogLevel level, std::string_view component, const Parts&... parts) {
    if (logEnabled(level)) logLine(level, component, concat(parts...));
}
template <typename... Parts>
void logInfo(std::string_view component, const Parts&... parts) {
    log(LogLevel::info, component, parts...);
}
template <typename... Parts>
void logWarn(std::string_view component, const Parts&... parts) {
    log(LogLevel::warn, component, parts...);
}
template <typename... Parts>
void logError(std::string_view component, const Parts&... parts) {
    log(LogLevel::error, component, parts...);
}

}  // namespace howdah::kernel
