#include <algorithm>
#include <cstddef>
#include <map>

#include "plugins/optimizer/findings.hpp"
#include "plugins/optimizer/proof.hpp"
#include "plugins/optimizer/rewrite.hpp"
#include "plugins/optimizer/tools.hpp"

namespace howdah::optimizer {
namespace {

class Optimize {
public:
    Optimize(ToolCall& call, const Shared& shared)
        : call_(call), shared_(shared), advisor_(call, shared.jobs, shared.sessions), target_{askOf(call, shared)} {}

    Result<void> run() {
        ExplainOptions options;
        options.analyze = call_.boolean("analyze");
        if (auto planned = advisor_.plan(target_, options); !planned) return planned;
        auto shape = shared_.jobs.made(
            call_.context(), [sql = target_.ask.sql] { return shapeOf(sql); }, HOWDAH_OFFLOAD_LARGE_STACK);
        if (!shape) return std::move(shape).error();
        if (!*shape) return std::move(*shape).error();
        auto catalog = advisor_.catalogOf({target_});
        if (!catalog) return std::move(catalog).error();

        findings_ = findingsOf({target_.plan, target_.uses, *catalog, **shape, shared_.config, offsetOf(**shape)});
        if (auto looked = lookForRepetition(); !looked) return looked;
        if (auto looked = lookForIndexes(*catalog); !looked) return looked;
        if (call_.boolean("rewrites", true)) {
            if (auto tried = tryRewrites(*catalog); !tried) return tried;
        }
        return reply();
    }

private:
    double offsetOf(const Shape& shape) const {
        if (shape.offset) return *shape.offset;
        const auto at = static_cast<std::size_t>(shape.offset_parameter);
        const Json& params = target_.ask.params;
        if (at == 0 || !params.is_array() || at > params.size() || !params[at - 1].is_number()) return 0;
        return params[at - 1].get<double>();
    }

    // Needs the guard's pattern of each text; where the guard is not there nothing is said.
    Result<void> lookForRepetition() {
        auto recent = shared_.recent.of(principalKey(call_.principal()), call_.context().host().nowNs());
        const bool has_pattern = shared_.statements && shared_.statements.table->struct_size >=
                                                           offsetof(howdah_statement_v1, pattern) + sizeof(void*);
        if (recent.empty() || !has_pattern) return {};
        const std::uint64_t own = patternOf(target_.ask.sql).fingerprint;
        if (own == 0) return {};
        std::map<std::string, Pattern> patterns;  // what is asked again and again has one text
        std::vector<bool> same;
        for (RecentStatement& statement : recent) {
            if (auto going = call_.context().goOn(); !going) return going;
            auto known = patterns.find(statement.sql);
            if (known == patterns.end()) known = patterns.emplace(statement.sql, patternOf(statement.sql)).first;
            same.push_back(known->second.fingerprint == own);
            if (!known->second.text.empty()) statement.sql = known->second.text;  // as people read it
        }
        findRepetition(repetitionOf(recent, same), shared_.config, findings_);
        return {};
    }
    struct Pattern {
        std::uint64_t fingerprint = 0;  // for a text that does not parse
        std::string text;
    };
    Pattern patternOf(const std::string& sql) const {
        howdah_pattern pattern{};
        pattern.struct_size = sizeof pattern;
        const auto& service = shared_.statements;
        const howdah_status found = service.table->pattern(service.self, call_.context().raw(), toAbi(sql), &pattern);
        return found == HOWDAH_OK ? Pattern{pattern.fingerprint, std::string(fromAbi(pattern.text))} : Pattern{};
    }

    Result<void> lookForIndexes(const Catalog& catalog) {
        const AdviceOptions options = adviceOptions(call_, shared_.config);
        auto advice = advisor_.advise({target_}, catalog, options);
        if (!advice) return std::move(advice).error();
        advice_ = adviceJson(*advice, {target_}, options);
        if (!advice->any()) return {};
        findings_.insert(findings_.begin(), missingIndex(*advice));
        return {};
    }

    // Of what was judged where there is some; else the first of the kinds that can only be estimated.
    static Finding missingIndex(const Advice& advice) {
        const SearchOutcome& outcome = advice.outcome;
        Finding finding;
        finding.rule = "missing_index";
        if (outcome.chosen.empty()) {
            const auto& [index, saved] = advice.estimated_extra.front();
            finding.text = concat("1 more index may save about ", shortNumber(saved), " of the cost of ",
                                  shortNumber(outcome.cost_before), " (ESTIMATED)");
            finding.suggestion = advice.candidates[index].spec.ddl(true);
            finding.evidence = {{"judged_by", "estimate"},
                                {"cost_before", rounded(outcome.cost_before)},
                                {"cost_saved_estimated", rounded(saved)}};
            return finding;
        }
        finding.text = concat("with ", outcome.chosen.size(), " more index(es) the cost falls from ",
                              shortNumber(outcome.cost_before), " to ", shortNumber(outcome.cost_after),
                              advice.judged_by == "hypopg" ? ", as the server plans it" : " (ESTIMATED)");
        for (const SearchStep& step : outcome.steps)
            for (const std::size_t index : step.added)
                finding.suggestion +=
                    concat(finding.suggestion.empty() ? "" : "; ", advice.candidates[index].spec.ddl(true));
        finding.evidence = {{"judged_by", advice.judged_by},
                            {"cost_before", rounded(outcome.cost_before)},
                            {"cost_after", rounded(outcome.cost_after)}};
        return finding;
    }

    // All at once, since they serve one statement; where together they are not equal, each alone.
    Result<void> tryRewrites(const Catalog& catalog) {
        const auto rewrites = rewritesOf(target_.ask.sql, target_.uses, catalog);
        if (rewrites.empty()) return {};
        auto offered = offer(rewrites);
        if (!offered) return std::move(offered).error();
        if (*offered || rewrites.size() == 1) return {};
        for (const Rewrite& rewrite : rewrites) {
            auto alone = offer({rewrite});
            if (!alone) return std::move(alone).error();
        }
        return {};
    }

    // False where it is not offered; why is told.
    Result<bool> offer(const std::vector<Rewrite>& rewrites) {
        std::vector<Edit> edits;
        Document rules = Document::array(), reasons = Document::array();
        for (const Rewrite& rewrite : rewrites) {
            edits.insert(edits.end(), rewrite.edits.begin(), rewrite.edits.end());
            rules.push_back(rewrite.rule);
            reasons.push_back(rewrite.why);
        }
        const std::string sql = edited(target_.ask.sql, std::move(edits));
        auto equality = compareRows(call_, target_.ask, sql);
        if (!equality) return dropped(rules, "not proved: ", equality.error());
        if (!equality->same()) {
            rejected_.push_back(
                {{"rules", rules}, {"why", concat("not offered: ", shortNumber(equality->differing), " rows differ")}});
            return false;
        }
        auto timing = compareTimes(call_, target_.ask, sql, shared_.config.runs);
        if (!timing) return dropped(rules, "not measured: ", timing.error());
        if (!timing->apart || timing->speedup() < shared_.config.speedup_min) {
            rejected_.push_back(
                {{"rules", rules},
                 {"why", concat("the same rows, and no faster for certain: ", shortNumber(timing->before_ms),
                                " ms before, ", shortNumber(timing->after_ms), " ms after")}});
            return false;
        }
        rewrites_.push_back(
            {{"sql", sql},
             {"rules", std::move(rules)},
             {"why", std::move(reasons)},
             {"proof",
              {{"rows", equality->rows}, {"differing", 0}, {"how", "both run in one statement, so in one snapshot"}}},
             {"measured",
              {{"before_ms", rounded(timing->before_ms)},
               {"after_ms", rounded(timing->after_ms)},
               {"speedup", rounded(timing->speedup())},
               {"runs", timing->runs}}}});
        return true;
    }
    Result<bool> dropped(const Document& rules, std::string_view what, const Error& error) {
        if (error.code == Code::cancelled || !call_.context().goOn()) return error;
        rejected_.push_back({{"rules", rules}, {"why", concat(what, error.message)}});
        return false;
    }

    Result<void> reply() {
        Document answer;
        answer["database"] = target_.ask.database;
        answer["cost"] = rounded(target_.plan.root.total_cost);
        if (target_.plan.measured()) answer["execution_ms"] = rounded(target_.plan.execution_ms);
        answer["findings"] = Document::array();
        for (Finding& finding : findings_) {
            Document entry{{"rule", finding.rule}, {"text", finding.text}, {"suggestion", finding.suggestion}};
            entry["evidence"] = std::move(finding.evidence);
            answer["findings"].push_back(std::move(entry));
        }
        if (!rewrites_.empty()) answer["rewrites"] = std::move(rewrites_);
        if (!rejected_.empty()) answer["rewrites_not_offered"] = std::move(rejected_);
        answer["indexes"] = std::move(advice_);
        return replyWith(call_, answer);
    }

    ToolCall& call_;
    const Shared& shared_;
    Advisor advisor_;
    Target target_;
    Findings findings_;
    Document advice_;
    Document rewrites_ = Document::array(), rejected_ = Document::array();
};

}  // namespace

Result<void> optimizeQuery(ToolCall& call, const Shared& shared) {
    if (auto task = call.continueAsTask(); !task) return task;
    return Optimize(call, shared).run();
}

}  // namespace howdah::optimizer
