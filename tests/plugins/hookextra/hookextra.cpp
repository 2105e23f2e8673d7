// Needs a service of another plugin, so that it starts after it and stops before it.
#include <howdah/abi/sql.h>
#include <howdah/plugin.hpp>

#include "lifecycle_log.hpp"

namespace {

class HookExtra final : public howdah::Plugin {
public:
    howdah::Result<void> configure(const howdah::Json& section) override {
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
    void stop() override { log_.line("stop"); }
    ~HookExtra() override { log_.line("destroy"); }

private:
    LifecycleLog log_;
};

}  // namespace

HOWDAH_PLUGIN(HookExtra)
