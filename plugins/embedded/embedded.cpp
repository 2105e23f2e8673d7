// The plugin: offers howdah.source/1, the connection string of a private PostgreSQL that lives as long as the server.
//
// Threads: as plugin.hpp says; what start() made does not change until stop().
// Owns:    the cluster.
#include <set>

#include <howdah/abi/sql.h>
#include <howdah/kernel.hpp>
#include <howdah/plugin.hpp>

#include "cluster.hpp"

namespace howdah::embedded {
namespace {

class Embedded final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return std::move(config).error();
        config_ = std::move(*config);
        return {};
    }

    // Blocks until the database answers: some seconds for a new one. The kernel starts plugins on a worker.
    Result<void> start(Offer& offer) override {
        const Context& context = offer.context();
        const auto databases = configuredDatabases(context);
        if (!databases) return databases.error();
        for (const Json& database : *databases) {
            if (database.value("access", "") == "read_write") writable_.insert(database.value("name", ""));
        }
        std::string state;
        if (config_.keep) {
            auto folder = pathOf(context, HOWDAH_PATH_STATE);
            if (!folder) return std::move(folder).error();
            state = std::move(*folder);
        }
        auto sql = pathOf(context, HOWDAH_PATH_PLUGIN);
        if (!sql) return std::move(sql).error();
        auto cluster = Cluster::start(config_, state, *sql);
        if (!cluster) return std::move(cluster).error();
        cluster_ = std::move(*cluster);
        host().log(LogLevel::info, "private PostgreSQL ", cluster_->version(), " runs in ", cluster_->folder());
        return {};
    }

    void stop() override { cluster_.reset(); }

    Result<Json> report(Context& /*context*/) override {
        const bool running = cluster_ && cluster_->running();
        Json check{{"name", "private PostgreSQL"},
                   {"status", running ? "ok" : "fail"},
                   {"text", running ? "runs" : "its server process has ended"}};
        if (!running)
            check["remedy"] = concat("read ", cluster_ ? cluster_->log() : "the log", " and start howdah again");
        Json report{{"status", running ? "ok" : "fail"}, {"checks", Json::array({check})}};
        if (cluster_) {
            report["version"] = cluster_->version();
            report["folder"] = cluster_->folder();
            report["pid"] = cluster_->pid();
            report["sample_loaded"] = cluster_->sampleLoaded();
            report["kept"] = config_.keep;
        }
        return report;
    }

    const void* interface(std::string_view id) override;

    // Every database that names this plugin as its source is the same one; access decides the role.
    Result<std::string> dsn(std::string_view database) const {
        if (!cluster_) return Error::unavailable("the private PostgreSQL is not running");
        return cluster_->dsn(writable_.contains(database) ? "howdah_writer" : "howdah_reader");
    }

private:
    Config config_;
    std::set<std::string, std::less<>> writable_;
    std::unique_ptr<Cluster> cluster_;
};

howdah_status sourceDsn(void* self, howdah_ctx* ctx, howdah_str database, howdah_str* out) noexcept {
    auto& embedded = *static_cast<Embedded*>(static_cast<Plugin*>(self));
    return PluginTables::guarded(embedded, ctx, [&]() -> Result<void> {
        auto dsn = embedded.dsn(fromAbi(database));
        if (!dsn) return std::move(dsn).error();
        *out = Context(embedded.host(), ctx).keep(*dsn);
        return out->data ? Result<void>{} : Error::unavailable("the request's memory limit is reached");
    });
}

constexpr howdah_source_v1 kSource{sizeof(howdah_source_v1), 0, &sourceDsn};

const void* Embedded::interface(std::string_view id) {
    return id == HOWDAH_SOURCE_1 ? &kSource : nullptr;
}

}  // namespace
}  // namespace howdah::embedded

using EmbeddedPlugin = howdah::embedded::Embedded;
HOWDAH_PLUGIN(EmbeddedPlugin)
