// Needs a service of another plugin, so that it starts after it and stops before it.
#include <stdexcept>

#include <howdah/abi/sql.h>
#include <howdah/plugin.hpp>

#include "lifecycle_log.hpp"

namespace {

class HookExtra final : public howdah::Plugin {
public:
    howdah::Result<void> configure(const howdah::Json& section) override {
        throws_ = section.contains("before");
        log_.open(section, "hookextra");
        return {};
    }
    howdah::Result<void> start(howdah::Offer& offer) override {
        auto sql = offer.acquire<howdah_sql_v1>(HOWDAH_SQL_1);
        if (!sql) return sql.error();
        if (!*sql) return howdah::Error::internal("no executor");
        log_.line("start");
        return {};
    }
    howdah::Verdict beforeQuery(howdah::Query&) override {
        if (throws_) throw std::runtime_error("told to throw");
        return proceed();
    }
    void stop() override { log_.line("stop"); }
    ~HookExtra() override { log_.line("destroy"); }

private:
    bool throws_ = false;
    LifecycleLog log_;
};

}  // namespace

HOWDAH_PLUGIN(HookExtra)
