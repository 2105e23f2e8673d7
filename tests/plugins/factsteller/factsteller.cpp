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
    std::mutex mutex_;
    Json last_;
};

}  // namespace

HOWDAH_PLUGIN(FactsTeller)
