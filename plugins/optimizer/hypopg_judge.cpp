#include "plugins/optimizer/hypopg_judge.hpp"

namespace howdah::optimizer {
namespace {

constexpr Statement kNothing{"select 1"};
constexpr std::string_view kNoFunction = "42883", kNoRight = "42501";

// Whether it says that there can be no such index. Anything else is a word on the extension: its library does not load,
// or the role may not call it.
bool isAboutTheDefinition(const Error& refusal) {
    return refusal.sqlstate.starts_with("42") && refusal.sqlstate != kNoFunction && refusal.sqlstate != kNoRight;
}

}  // namespace

bool HypopgJudge::knows(const IndexSpec& spec) {
    return spec.method != "gin";
}

const Statement& HypopgJudge::statement() {
    return kNothing;
}

HypopgJudge::HypopgJudge(ToolCall& call, const Sessions& sessions, std::vector<Ask> asks, std::uint64_t deadline_ns,
                         std::string session)
    : call_(call),
      sessions_(sessions),
      asks_(std::move(asks)),
      deadline_ns_(deadline_ns),
      session_(std::move(session)) {
    for (Ask& ask : asks_)
        ask.session = session_;
}

// Only lets go of what is held, as the laws want of a destructor.
HypopgJudge::~HypopgJudge() {
    sessions_.table->close(sessions_.self, toAbi(session_));
}

Result<std::unique_ptr<HypopgJudge>> HypopgJudge::open(ToolCall& call, const Sessions& sessions, std::vector<Ask> asks,
                                                       std::uint64_t deadline_ns) {
    if (!sessions) return Error::unavailable("the plugin pool keeps no connection for several statements");
    howdah_str name{};
    const howdah_status opened = sessions.table->open(sessions.self, call.context().raw(), toAbi(asks.front().database),
                                                      &call.principal(), &name);
    if (opened < 0) return call.context().lastError();
    std::unique_ptr<HypopgJudge> judge(
        new HypopgJudge(call, sessions, std::move(asks), deadline_ns, std::string(fromAbi(name))));
    if (auto done = judge->suppose({}); !done) return std::move(done).error();
    auto there = judge->supposed();
    if (!there && there.error().sqlstate == kNoFunction) {
        return Error::unavailable("the extension hypopg is not in this database, or not a superuser's")
            .withHint("install the package postgresql-<major>-hypopg and run: create extension hypopg");
    }
    if (!there) return std::move(there).error();
    return judge;
}

Result<void> HypopgJudge::suppose(const std::vector<std::string>& definitions) {
    const std::string text = Json(definitions).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (sessions_.table->suppose(sessions_.self, toAbi(session_), toAbi(text)) < 0)
        return Error::unavailable("the connection for hypothetical indexes was lost");
    return {};
}

Result<Json> HypopgJudge::supposed() {
    QueryLimits limits;
    limits.flags = HOWDAH_RUN_STABLE;
    limits.cursor = session_;
    auto rows = call_.query(kNothing, {}, asks_.front().database, limits);
    if (!rows) return std::move(rows).error();
    for (;;) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
    }
    auto report = rows->report();
    if (!report) return std::move(report).error();
    return Json::parse(*report, nullptr, false).value("supposed", Json::array());
}

// One at a time, so that one the server refuses (a function that is not immutable, a type without an order) says
// nothing of the others.
Result<Admission> HypopgJudge::admit(std::vector<Candidate>& candidates) {
    Admission admission;
    std::string trouble;  // the first refusal that is no word on the index
    for (const Candidate& candidate : candidates)
        definitions_.push_back(candidate.spec.ddl());
    for (std::size_t index = 0; index < candidates.size(); ++index) {
        if (auto going = call_.context().goOn(); !going) return std::move(going).error();
        if (!knows(candidates[index].spec)) continue;
        if (call_.context().host().nowNs() >= deadline_ns_) {
            ++admission.unasked;
            continue;
        }
        if (auto done = suppose({definitions_[index]}); !done) return std::move(done).error();
        auto made = supposed();
        if (!made && made.error().code != Code::database) return std::move(made).error();
        if (!made) {
            if (admission.refused++ == 0) admission.why_refused = made.error().message;
            if (isAboutTheDefinition(made.error())) {
                if (impossible_.candidates.empty()) impossible_.why = made.error().message;
                impossible_.candidates.insert(index);
            } else if (trouble.empty()) {
                trouble = made.error().message;
            }
            continue;
        }
        if (made->size() != 1)
            return Error::unavailable("hypopg_create_index is not the function of the extension hypopg");
        candidates[index].bytes = (*made)[0].value("bytes", 0.0);
        admission.admitted.insert(index);
    }
    // Where there can be none of them an estimate has nothing to add.
    if (admission.admitted.empty() && !trouble.empty() && admission.unasked == 0)
        return Error::unavailable("HypoPG made none of ", admission.refused, " index(es): ", trouble);
    return admission;
}

Result<Judged> HypopgJudge::cost(std::size_t statement, const Indexes& present) {
    const bool changes = !any_present_ || present != present_;
    if (changes) {
        std::vector<std::string> definitions;
        for (const std::size_t index : present)
            definitions.push_back(definitions_[index]);
        any_present_ = false;
        if (auto done = suppose(definitions); !done) return std::move(done).error();
    }
    ExplainOptions options;
    options.verbose = false;
    std::string report;
    auto plan = explain(call_, asks_[statement], options, &report);
    if (!plan) return std::move(plan).error();
    if (changes) {
        const Json made = Json::parse(report, nullptr, false).value("supposed", Json::array());
        if (made.size() != present.size())
            return Error::internal("the server did not make the indexes it was to plan with");
        names_.clear();
        auto name = made.begin();
        for (const std::size_t index : present)
            names_[(name++)->value("name", "")] = index;
        present_ = present;
        any_present_ = true;
    }
    Judged judged;
    judged.cost = plan->root.total_cost;
    eachNode(plan->root, [&](const PlanNode& node) {
        if (const auto found = names_.find(node.index); found != names_.end()) judged.used.insert(found->second);
    });
    return judged;
}

}  // namespace howdah::optimizer
