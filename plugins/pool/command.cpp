#include "command.hpp"

#include <algorithm>
#include <array>

#include <howdah/host.hpp>

#include "session_settings.hpp"

namespace howdah::pool {
namespace {

std::uint64_t lower(std::uint64_t asked, std::uint64_t limit) {
    return asked == 0 ? limit : std::min(asked, limit);
}

std::string settingText(std::size_t count) {
    std::string sql;
    for (std::size_t i = 0; i < count; ++i)
        sql += concat(i == 0 ? "select " : ", ", "pg_catalog.set_config($", 2 * i + 1, ", $", 2 * i + 2, ", true)");
    return sql;
}

// As a rule written before: a tenant's every statement comes with as many settings.
std::string settingTextOf(std::size_t count) {
    static const auto usual = [] {
        std::array<std::string, 16> texts;
        for (std::size_t i = 0; i < texts.size(); ++i)
            texts[i] = settingText(i);
        return texts;
    }();
    return count < usual.size() ? usual[count] : settingText(count);
}

Command::Settings settingsOf(std::vector<std::string> names_and_values) {
    Command::Settings settings;
    settings.sql = settingTextOf(names_and_values.size() / 2);
    settings.parameters = Parameters::ofTexts(std::move(names_and_values));
    return settings;
}

// Of what has a plan. The body is one whole statement, the guard says, so it can be nothing but what is explained.
std::string explainOf(std::string_view sql, const howdah_facts* facts) {
    if (!facts || facts->kind < HOWDAH_STATEMENT_INSERT || facts->kind > HOWDAH_STATEMENT_MERGE) return {};
    if (facts->body_begin >= facts->body_end || facts->body_end > sql.size()) return {};
    return concat("explain (format text)\n", sql.substr(facts->body_begin, facts->body_end - facts->body_begin));
}

// Members a kernel built before them does not give.
template <typename T>
T given(const howdah_execution& execution, T howdah_execution::* member, T absent) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(&(execution.*member));
    const auto* end = reinterpret_cast<const std::uint8_t*>(&execution) + execution.struct_size;
    return at + sizeof(T) <= end ? execution.*member : absent;
}

}  // namespace

Result<Command> Command::from(const howdah_execution& execution, const Config& config, milliseconds remaining) {
    std::string_view sql = fromAbi(execution.sql);
    if (sql.find('\0') != std::string_view::npos) {
        return Error::invalidArgument("the statement holds a NUL character at byte ", sql.find('\0') + 1);
    }
    auto parameters = Parameters::from({execution.parameters, execution.parameter_count});
    if (!parameters) return std::move(parameters).error();

    Command command;
    command.writes = execution.access == HOWDAH_ACCESS_WRITE;
    const std::uint32_t flags = given(execution, &howdah_execution::flags, 0u);
    command.resets = command.writes || (flags & HOWDAH_RUN_RESET) != 0;
    command.stable = !command.writes && (flags & HOWDAH_RUN_STABLE) != 0;
    command.dry_run = command.writes && (flags & HOWDAH_RUN_DRY) != 0;
    if (command.dry_run) command.explain = explainOf(sql, execution.facts);
    if (command.writes && (flags & HOWDAH_RUN_CEILING)) {
        command.affected_max = given(execution, &howdah_execution::affected_max, std::uint64_t{0});
    }
    command.rows_max = lower(execution.rows_max, config.rows_max);
    command.bytes_max = lower(execution.bytes_max, config.bytes_max);
    command.cell_bytes_max = config.cell_bytes_max;
    command.text = command.stable ? StatementText::ofCursor(sql, execution.facts)
                                  : StatementText(sql, execution.facts, command.rows_max, execution.rows_skip);
    if (execution.rows_skip > 0 && !command.text.isBounded()) {
        return Error::invalidArgument("only a SELECT, VALUES or TABLE can be gone on with").withHint("run it again");
    }
    command.parameters = std::move(*parameters);

    // Deadlines are kept on this side, by a cancel. The server is told as well when the request ends much earlier than
    // the session's own limit; a little earlier is not worth a statement more in every round trip.
    auto asked = static_cast<std::uint64_t>(config.statement_timeout.count());
    std::uint64_t timeout = lower(execution.timeout_ms, asked);
    if (static_cast<std::uint64_t>(remaining.count()) < asked / 2) {
        timeout = std::min(timeout, std::max<std::uint64_t>(1, static_cast<std::uint64_t>(remaining.count())));
    }
    command.lock_timeout = config.lock_timeout;
    command.timeout = milliseconds{static_cast<milliseconds::rep>(timeout)};

    std::vector<std::string> own;
    if (timeout != asked) own = {"statement_timeout", std::to_string(timeout)};
    for (std::uint64_t i = 0; i < execution.setting_count; ++i) {
        for (howdah_str text : {execution.settings[i].name, execution.settings[i].value}) {
            own.emplace_back(fromAbi(text));
        }
    }
    if (!own.empty()) command.settings = settingsOf(std::move(own));
    return command;
}

Command::Settings Command::settingsWithoutSession() const {
    std::vector<std::string> full = {"statement_timeout", std::to_string(timeout.count()), "lock_timeout",
                                     std::to_string(lock_timeout.count())};
    for (const auto& [name, value] : kSessionSettings)
        full.insert(full.end(), {name, value});
    full.insert(full.end(), settings.parameters.values(), settings.parameters.values() + settings.parameters.count());
    return settingsOf(std::move(full));
}

}  // namespace howdah::pool
