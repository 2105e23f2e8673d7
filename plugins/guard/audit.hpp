// One line of JSON in the log for each statement of a client: who asked what where, and the verdict. The statement is
// told by its fingerprint, which is equal for texts that differ in constants only; no literal, no name of the text is
// in it.
//
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include <howdah/plugin.hpp>

namespace howdah::guard {

enum class AuditScope { none, refused, all };

inline AuditScope auditScope(std::string_view name) {
    if (name == "all") return AuditScope::all;
    return name == "none" ? AuditScope::none : AuditScope::refused;
}

inline std::string utcNow() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                  parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(ms));
    return text;
}

// `refusal` is null for a statement that passed.
inline void audit(const Host& host, const Query& query, std::uint64_t fingerprint, const Error* refusal) {
    char print[17];
    std::snprintf(print, sizeof print, "%016llx", static_cast<unsigned long long>(fingerprint));
    Json line{{"audit", "statement"},
              {"time", utcNow()},
              {"principal", fromAbi(query.principal().subject)},
              {"database", query.database()},
              {"tool", query.tool()},
              {"access", query.readOnly() ? "read" : "write"},
              {"request", query.requestId()},
              {"fingerprint", fingerprint == 0 ? std::string{} : std::string(print)},
              {"verdict", refusal ? "refused" : "allowed"}};
    if (const auto tenant = fromAbi(query.principal().tenant); !tenant.empty()) line["tenant"] = tenant;
    if (refusal) line["rule"] = refusal->rule;
    host.log(LogLevel::info, line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace howdah::guard
