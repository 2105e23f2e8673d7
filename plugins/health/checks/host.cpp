// What no statement tells: the pool's connections, the plugins of this server, names and certificates.
#include <algorithm>

#include <howdah/result.hpp>

#include "plugins/health/check.hpp"
#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

using Json = nlohmann::json;

// told: howdah_sql_v1.state
Judgement judgePool(const Input& input) {
    const Json& state = input.told;
    const auto number = [&](const char* key) { return state.value(key, 0.0); };
    Judgement judgement;
    for (const char* key : {"open", "idle", "waiting", "max"})
        judgement.figures[key] = number(key);
    judgement.counters = {{"refused", number("refused_full") + number("refused_late")},
                          {"connect_failures", number("connect_failures")}};
    judgement.summary = concat(countText(number("open")), " of ", countText(number("max")), " connections are open, ",
                               countText(number("waiting"), "statement waits", "statements wait"));
    if (const std::string breaker = state.value("breaker", "closed"); breaker != "closed") {
        judgement.add(
            {Status::critical,
             concat("the breaker is ", breaker, ": the server could not be reached; ", state.value("last_error", "")),
             "howdah doctor shows what was tried",
             {}});
    }
    if (number("max") > 0 && number("waiting") > 0 && number("waiting") >= number("max")) {
        judgement.add({Status::warning,
                       concat(countText(number("waiting")), " statements wait for one of ", countText(number("max")),
                              " connections"),
                       "raise pool.connections_max, or lower pool.statement_timeout_ms",
                       {}});
    }
    const auto refused = input.grown("refused", judgement.counters["refused"]);
    if (refused && *refused > 0) {
        judgement.add({Status::warning,
                       concat(countText(*refused, "statement was", "statements were"), " refused in the last ",
                              durationText(input.before_s), ": no connection was free in time"),
                       "raise pool.connections_max or pool.lease_timeout_ms",
                       {}});
    }
    for (const Json& leak : state.value("leaks", Json::array())) {
        judgement.add({Status::warning,
                       concat(leak.value("owner", "somebody"), " holds a connection for ",
                              durationText(leak.value("held_ms", 0.0) / 1000)),
                       "let statements run shorter (pool.statement_timeout_ms), or read their answers faster",
                       {}});
    }
    return judgement;
}

// told: howdah_kernel_v1.describe
Judgement judgePlugins(const Input& input) {
    Judgement judgement;
    std::size_t running = 0;
    for (const Json& plugin : input.told.value("plugins", Json::array())) {
        const std::string id = plugin.value("id", "?");
        const std::string state = plugin.value("state", "running");
        judgement.counters[concat("faults.", id)] = plugin.value("faults", 0.0);
        if (state != "running") {
            judgement.add({state == "blocked" ? Status::critical : Status::warning,
                           concat("plugin ", id, " is ", state, plugin.contains("reason") ? ": " : "",
                                  plugin.value("reason", "")),
                           state == "blocked" ? "howdah doctor; mend it, then howdah reload"
                                              : "read the log for its faults, then howdah reload",
                           id});
            continue;
        }
        ++running;
        const auto faults = input.grown(concat("faults.", id), plugin.value("faults", 0.0));
        if (faults && *faults > 0) {
            judgement.add({Status::warning,
                           concat("hooks of plugin ", id, " failed ", countText(*faults, "time", "times"),
                                  " in the last ", durationText(input.before_s)),
                           "read the log for what they met", id});
        }
    }
    judgement.figures["running"] = running;
    judgement.summary = judgement.findings.empty()
                            ? concat(countText(static_cast<double>(running), "plugin runs", "plugins run"))
                            : std::string("not every plugin does what it should");
    return judgement;
}

void judgeCertificate(const Input& input, std::string_view whose, double until_s, std::string suggestion,
                      Judgement& judgement) {
    const Thresholds& limits = input.config.thresholds;
    const double left_s = until_s - input.now_s;
    if (left_s >= limits.certificate_warning_days * 86400) return;
    judgement.add({left_s < limits.certificate_critical_days * 86400 ? Status::critical : Status::warning,
                   left_s <= 0 ? concat(whose, " has expired ", durationText(-left_s), " ago")
                               : concat(whose, " expires in ", durationText(left_s)),
                   std::move(suggestion),
                   {}});
}

// told: {"hosts":[{"name","ms","addresses"} or {"name","ms","error"}], "server_certificate_until_s"?,
// "own_certificate_until_s"?}
Judgement judgeNetwork(const Input& input) {
    const Thresholds& limits = input.config.thresholds;
    Judgement judgement;
    const Json hosts = input.told.value("hosts", Json::array());
    for (const Json& host : hosts) {
        const std::string name = host.value("name", "");
        const double ms = host.value("ms", 0.0);
        if (host.contains("error")) {
            judgement.add({Status::critical, concat("the name ", name, " is not found: ", host.value("error", "")),
                           concat("getent hosts ", name, " on this machine; then its resolver, or the name in the dsn"),
                           name});
        } else if (ms >= limits.dns_warning_ms) {
            judgement.add({Status::warning, concat("looking up ", name, " took ", durationText(ms / 1000)),
                           "look at the resolver of this machine (/etc/resolv.conf); hostaddr= in the dsn goes without",
                           name});
        }
    }
    judgement.figures["hosts"] = hosts.size();
    judgement.figures["tls"] = input.server.tls;
    if (input.told.contains("server_certificate_until_s")) {
        const double until_s = input.told["server_certificate_until_s"].get<double>();
        judgement.figures["server_certificate_days"] = rounded((until_s - input.now_s) / 86400);
        judgeCertificate(input, "the certificate of the database server", until_s,
                         "put a new server.crt beside the server, then select pg_catalog.pg_reload_conf()", judgement);
    }
    if (input.told.contains("own_certificate_until_s")) {
        const double until_s = input.told["own_certificate_until_s"].get<double>();
        judgement.figures["own_certificate_days"] = rounded((until_s - input.now_s) / 86400);
        judgeCertificate(input, "the certificate of this server (transports.http.tls)", until_s,
                         "replace its files; they are read again when they change", judgement);
    }
    judgement.summary =
        concat(hosts.empty() ? std::string("no name has to be looked up")
                             : countText(static_cast<double>(hosts.size()), "name is found", "names are found"),
               ", the connection is ",
               input.server.tls ? concat("encrypted (", input.server.tls_version, ")") : std::string("not encrypted"));
    return judgement;
}

}  // namespace

constexpr Check kPool{.name = "pool", .origin = Origin::pool, .judge = &judgePool};
constexpr Check kPlugins{.name = "plugins", .origin = Origin::plugins, .judge = &judgePlugins};
constexpr Check kNetwork{.name = "network", .origin = Origin::network, .judge = &judgeNetwork};

}  // namespace howdah::health
