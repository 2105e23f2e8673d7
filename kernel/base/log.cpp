#include "kernel/base/log.hpp"

#include <atomic>
#include <memory>

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace howdah::kernel {
namespace {

constexpr std::size_t kQueueLines = 8192;
constexpr std::size_t kLineBytes = 4096;
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%e%z %l %v";

std::atomic<spdlog::logger*> active{nullptr};
std::atomic<LogLevel> threshold{LogLevel::info};

struct Log {
    std::shared_ptr<spdlog::details::thread_pool> queue;
    std::shared_ptr<spdlog::logger> logger;
};
Log& theLog() {
    static Log log;
    return log;
}

// Before startLog(): stderr, at once. spdlog's own default logger writes to stdout, which is the wire of stdio.
spdlog::logger& early() {
    static spdlog::logger logger = [] {
        spdlog::logger made("howdah", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made.set_pattern(kPattern);
        return made;
    }();
    return logger;
}

spdlog::level::level_enum levelOf(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::off: return spdlog::level::off;
    }
    return spdlog::level::err;
}

}  // namespace

LogLevel logLevelOf(std::string_view name) {
    if (name == "debug") return LogLevel::debug;
    if (name == "warn") return LogLevel::warn;
    if (name == "error") return LogLevel::error;
    if (name == "off") return LogLevel::off;
    return LogLevel::info;
}

Result<void> startLog(const LogOptions& config) {
    try {
        Log& log = theLog();
        spdlog::sink_ptr sink;
        if (config.file.empty()) {
            sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        } else {
            sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.file);
        }
        log.queue = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
        log.logger = std::make_shared<spdlog::async_logger>("howdah", sink, log.queue,
                                                            spdlog::async_overflow_policy::overrun_oldest);
        log.logger->set_pattern(kPattern);
        log.logger->set_level(spdlog::level::debug);
        log.logger->flush_on(spdlog::level::info);
        threshold.store(config.level, std::memory_order_relaxed);
        active.store(log.logger.get(), std::memory_order_release);
        return {};
    } catch (const spdlog::spdlog_ex& failed) {
        return Error::invalidArgument("log.file: ", std::string_view{failed.what()});
    }
}

void stopLog() {
    active.store(nullptr, std::memory_order_release);
    Log& log = theLog();
    log.queue.reset();  // first: it waits for its thread, which writes the last lines with what the logger owns
    log.logger.reset();
}

bool logEnabled(LogLevel level) {
    return level >= threshold.load(std::memory_order_relaxed);
}

void logLine(LogLevel level, std::string_view component, std::string_view text) {
    std::string line = concat(component, ": ", text.substr(0, kLineBytes));
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';  // one call, one line: nobody forges a second one
    }
    spdlog::logger* logger = active.load(std::memory_order_acquire);
    if (!logger) logger = &early();
    logger->log(levelOf(level), spdlog::string_view_t(line.data(), line.size()));
}

std::uint64_t logLinesDropped() {
    Log& log = theLog();
    return log.queue ? log.queue->overrun_counter() : 0;
}

}  // namespace howdah::kernel
