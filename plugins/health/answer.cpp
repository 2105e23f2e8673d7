#include "plugins/health/answer.hpp"

#include <cmath>
#include <ctime>

#include <howdah/result.hpp>

#include "plugins/health/judge.hpp"

namespace howdah::health {
namespace {

constexpr double kExact = 9007199254740992;  // every whole number below is one of a double's

std::string timeText(double at_s) {
    const auto seconds = static_cast<std::time_t>(at_s);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    return std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0 ? text : "";
}

Document findingOf(const Finding& finding, Status of_check) {
    Document entry;
    if (finding.status != of_check) entry["status"] = nameOf(finding.status);
    entry["text"] = finding.text;
    if (!finding.object.empty()) entry["object"] = finding.object;
    if (!finding.suggestion.empty()) entry["suggestion"] = finding.suggestion;
    return entry;
}

// Bytes and counts are whole numbers, though they are judged as doubles.
Document figuresOf(const Document& figures) {
    Document told = figures;
    for (auto& [key, value] : told.items()) {
        if (value.is_object()) value = figuresOf(value);
        if (!value.is_number_float()) continue;
        const auto number = value.get<double>();
        if (std::fabs(number) < kExact && number == std::floor(number)) value = static_cast<std::int64_t>(number);
    }
    return told;
}

void addPast(const History::OfCheck& known, Document& entry) {
    entry["since"] = timeText(known.since_s);
    if (known.changes.empty()) return;
    Document changes = Document::array();
    for (const History::Change& change : known.changes)
        changes.push_back({{"at", timeText(change.at_s)}, {"from", nameOf(change.from)}, {"to", nameOf(change.to)}});
    entry["changes"] = std::move(changes);
}

Document entryOf(const Outcome& outcome, const History& history, bool full) {
    const Judgement& judgement = outcome.judgement;
    Document entry;
    entry["name"] = outcome.check->name;
    entry["status"] = nameOf(judgement.status);
    if (!judgement.summary.empty()) entry["summary"] = judgement.summary;
    if (!judgement.reason.empty()) entry["reason"] = judgement.reason;
    if (!judgement.findings.empty()) {
        Document findings = Document::array();
        for (const Finding& finding : judgement.findings)
            findings.push_back(findingOf(finding, judgement.status));
        entry["findings"] = std::move(findings);
    }
    if (!full) return entry;
    if (!judgement.figures.empty()) entry["figures"] = figuresOf(judgement.figures);
    entry["took_ms"] = rounded(outcome.took_ms);
    if (const auto* known = history.of(std::string(outcome.check->name))) addPast(*known, entry);
    return entry;
}

std::string summaryOf(const RoundResult& result) {
    std::string text;
    for (const Status status : {Status::critical, Status::warning, Status::notice, Status::skipped}) {
        std::size_t count = 0;
        std::string names;
        for (const Outcome& outcome : result.outcomes) {
            if (outcome.judgement.status != status) continue;
            ++count;
            names += concat(names.empty() ? "" : ", ", outcome.check->name);
        }
        if (count > 0) text += concat(text.empty() ? "" : "; ", count, " ", nameOf(status), ": ", names);
    }
    return text.empty() ? std::string("all is well") : text;
}

}  // namespace

Document answerOf(const RoundResult& result, const History& history, bool full) {
    Document answer;
    answer["database"] = result.database;
    answer["status"] = nameOf(result.status());
    answer["summary"] = summaryOf(result);
    if (result.unreachable.empty()) {
        answer["server"] = {{"version", result.server.version_text},
                            {"role", result.server.role},
                            {"standby", result.server.standby},
                            {"sees_other_roles", result.server.monitor}};
    }
    Document checks = Document::array(), well = Document::array();
    for (const Outcome& outcome : result.outcomes) {
        if (!full && outcome.judgement.status == Status::ok && outcome.judgement.reason.empty()) {
            well.push_back(outcome.check->name);
        } else {
            checks.push_back(entryOf(outcome, history, full));
        }
    }
    answer["checks"] = std::move(checks);
    if (!well.empty()) answer["ok"] = std::move(well);
    answer["took_ms"] = rounded(result.took_ms);
    return answer;
}

void addToReport(const RoundResult& result, nlohmann::json& report) {
    for (const Outcome& outcome : result.outcomes) {
        const Judgement& judgement = outcome.judgement;
        if (judgement.status <= Status::skipped && judgement.findings.empty() && outcome.check != &kReachability)
            continue;
        nlohmann::json entry{{"name", concat(result.database, ": ", outcome.check->name)},
                             {"status", judgement.status == Status::critical  ? "fail"
                                        : judgement.status == Status::warning ? "warn"
                                                                              : "ok"}};
        entry["text"] = judgement.summary;
        if (!judgement.findings.empty()) {
            const Finding& worst = judgement.findings.front();
            // A statement of somebody's may stand in what is found out about sessions: the tool shows it.
            const bool about_sessions = outcome.check == &kLocks || outcome.check == &kTransactions;
            if (!about_sessions) entry["text"] = worst.text;
            if (!worst.suggestion.empty()) entry["remedy"] = worst.suggestion;
        }
        report["checks"].push_back(std::move(entry));
    }
    std::size_t well = 0;
    std::string skipped;
    for (const Outcome& outcome : result.outcomes) {
        if (outcome.judgement.status == Status::ok) ++well;
        if (outcome.judgement.status == Status::skipped)
            skipped += concat(skipped.empty() ? "" : ", ", outcome.check->name);
    }
    report["checks"].push_back(
        {{"name", concat(result.database, ": checks")},
         {"status", "ok"},
         {"text", concat(well, " of ", result.outcomes.size(), " ok in ", rounded(result.took_ms), " ms",
                         skipped.empty() ? "" : "; skipped: ", skipped)}});
}

}  // namespace howdah::health
