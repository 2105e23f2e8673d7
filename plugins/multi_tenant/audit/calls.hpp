// The calls that are running: the scope of each, worked out once, and what it has asked of the database so far, which
// is what the audit log will say of it.
//
// Threads: any.
// Owns:    the texts; at most kStatementsMax of one call and kTextBytesMax of their bytes, so that no record is longer
// than
//          a line of the log can be (record.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include <howdah/call.hpp>
#include <howdah/query.hpp>

#include "plugins/multi_tenant/directory.hpp"

namespace howdah::multi_tenant {

class Calls {
public:
    static constexpr std::size_t kStatementsMax = 64;
    static constexpr std::size_t kTextBytesMax = 64 * 1024;  // no less than audit.statement_bytes_max at its most

    struct Running {
        std::string tenant;  // "" = an operator's
        nlohmann::json body;
        std::uint64_t began_ns = 0;
        std::shared_ptr<const Scope> scope{};  // of the tenant; nothing for an operator
        std::size_t text_bytes = 0;            // of the statements in `body`
    };

    void begin(std::uint64_t request, Running call) {
        const std::lock_guard lock(mutex_);
        calls_.insert_or_assign(request, std::move(call));
    }
    bool contains(std::uint64_t request) const {
        const std::lock_guard lock(mutex_);
        return calls_.contains(request);
    }
    // Of a tenant's call that runs; nothing otherwise.
    std::shared_ptr<const Scope> scopeOf(std::uint64_t request) const {
        const std::lock_guard lock(mutex_);
        const auto found = calls_.find(request);
        return found == calls_.end() ? nullptr : found->second.scope;
    }
    void addStatement(std::uint64_t request, nlohmann::json statement) {
        const std::lock_guard lock(mutex_);
        const auto found = calls_.find(request);
        if (found == calls_.end()) return;
        nlohmann::json& body = found->second.body;
        if (const auto text = statement.find("sql"); text != statement.end()) {
            const std::size_t bytes = text->get_ref<const std::string&>().size();
            if (found->second.text_bytes + bytes > kTextBytesMax) {
                statement.erase(text);  // its digest stays
            } else {
                found->second.text_bytes += bytes;
            }
        }
        if (body["statements"].size() < kStatementsMax) {
            body["statements"].push_back(std::move(statement));
        } else {
            body["statements_more"] = body.value("statements_more", 0) + 1;
        }
    }
    std::optional<Running> end(std::uint64_t request) {
        const std::lock_guard lock(mutex_);
        auto found = calls_.extract(request);
        return found.empty() ? std::nullopt : std::optional(std::move(found.mapped()));
    }

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, Running> calls_;
};

// What is known of a call before it runs. Arguments are not among it: values stay out, statements come by themselves.
nlohmann::json recordOf(const Call& call);
// Of a statement: its text up to `text_max` bytes, the digest of all of it, how many values were bound to it.
nlohmann::json recordOf(const Query& query, std::size_t text_max);
// How a call ended.
void addOutcome(nlohmann::json& body, const Error* error, std::uint64_t took_ns);

}  // namespace howdah::multi_tenant
