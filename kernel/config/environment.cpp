#include "kernel/config/environment.hpp"

#include "kernel/config/read.hpp"

namespace howdah::kernel {

DatabaseConfig databaseFromEnvironment(const Environment& environment) {
    DatabaseConfig database;
    database.name = "main";
    for (const char* name :
         {"DATABASE_URL", "POSTGRES_URL_NON_POOLING", "POSTGRES_URL", "DIRECT_URL", "DATABASE_URI"}) {
        if (auto value = environment(name); value && !value->empty()) {
            database.dsn = *value;
            database.origin = name;
            return database;
        }
    }
    for (const char* name : {"PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER"}) {
        if (auto value = environment(name); value && !value->empty()) {
            database.origin += (database.origin.empty() ? "" : ", ") + std::string(name);
        }
    }
    if (database.origin.empty()) database.origin = "libpq defaults, no DATABASE_URL or PG* is set";
    return database;
}

Result<Config> Config::fromEnvironment(const Environment& environment) {
    Config config;
    config.plugins = defaultPlugins();
    config.state_dir = defaultStateDir(environment);
    config.databases.push_back(databaseFromEnvironment(environment));
    config.source = concat("environment (", config.databases.front().origin, ")");
    return config;
}

}  // namespace howdah::kernel
