// What `howdah doctor` and `howdah plugin list` are told about a database: where it is (never a password), whether it
// answers, what its role may do, and how its connections stand.
//
// Threads: the request's; connects.
#pragma once

#include <memory>

#include <nlohmann/json.hpp>

#include "database.hpp"

namespace howdah::pool {

// Adds to report["databases"] and report["checks"].
void reportDatabase(const Context& context, const std::shared_ptr<Database>& database, nlohmann::json& report);

// The connections' part of it, without asking the server.
nlohmann::json connectionState(const Database& database);

// The worst status of its checks.
std::string worstStatus(const nlohmann::json& checks);

}  // namespace howdah::pool
