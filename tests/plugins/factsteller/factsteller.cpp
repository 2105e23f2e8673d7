// Tells what the guard found out about the last statement, as a cache would see it.
#include <cstddef>
#include <mutex>

#include <howdah/plugin.hpp>

namespace {

using howdah::Json;

class FactsTeller final : public howdah::Plugin {
public:
    howdah::Result<void> start(howdah::Offer& offer) override {
        offer.bind("last_facts", [this](howdah::ToolCall& call) {
            const std::lock_guard lock(mutex_);
            return call.writeText(last_.dump());
        });
        auto statement = offer.acquire<howdah_statement_v1>(HOWDAH_STATEMENT_1);
        if (!statement) return statement.error();
        statement_ = *statement;
        offer.bind("pattern_of", [this](howdah::ToolCall& call) { return pattern(call); });
        return {};
    }

    howdah::Verdict beforeQuery(howdah::Query& query) override {
        const howdah_facts* facts = query.facts();
        if (!query.fromClient() || !facts || facts->struct_size < sizeof *facts) return proceed();
        Json told{{"cacheable", (facts->flags & HOWDAH_FACT_CACHEABLE) != 0},
                  {"reach_known", (facts->flags & HOWDAH_FACT_REACH_KNOWN) != 0},
                  {"schema_version", howdah::concat(facts->schema_version)},
                  {"relations", Json::array()}};
        for (std::uint64_t i = 0; i < facts->relation_count; ++i)
            told["relations"].push_back(facts->relations[i]);
        const std::lock_guard lock(mutex_);
        last_ = std::move(told);
        return proceed();
    }

private:
    howdah::Result<void> pattern(howdah::ToolCall& call) {
        howdah_pattern found{sizeof found, 0, 0, {}};
        const howdah::Context& context = call.context();
        if (auto asked = context.check(
                statement_.table->pattern(statement_.self, context.raw(), howdah::toAbi(call.text("sql")), &found));
            !asked)
            return asked;
        return call.writeText(howdah::fromAbi(found.text));
    }

    howdah::Offer::Acquired<howdah_statement_v1> statement_;
    std::mutex mutex_;
    Json last_;
};

}  // namespace

HOWDAH_PLUGIN(FactsTeller)
