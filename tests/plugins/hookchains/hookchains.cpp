// Every hook with the request it ran for. A statement with "deny the call" or "deny the query" in it is denied there.
#include <mutex>
#include <string>
#include <utility>

#include <howdah/plugin.hpp>

namespace {

using howdah::Call;
using howdah::Error;
using howdah::Json;
using howdah::Query;
using howdah::ToolCall;
using howdah::Verdict;

class HookChains final : public howdah::Plugin {
public:
    howdah::Result<void> start(howdah::Offer& offer) override {
        offer.bind("hook_chains", [this](ToolCall& call) {
            Json seen;
            {
                std::lock_guard lock(mutex_);
                seen = std::exchange(seen_, Json::array());
            }
            return call.writeText(seen.dump());
        });
        return {};
    }

    Verdict beforeCall(Call& call) override {
        noteCall(call, "beforeCall");
        return denied(call.text("sql"), "deny the call");
    }
    void afterCall(Call& call, const Error* error) override {
        noteCall(call, error ? "afterCall, failed" : "afterCall");
    }
    Verdict beforeQuery(Query& query) override {
        note(query.requestId(), "beforeQuery", query.sql());
        return denied(query.sql(), "deny the query");
    }
    Verdict afterQuery(Query& query, const howdah_result&) override {
        note(query.requestId(), "afterQuery", query.sql());
        return proceed();
    }
    Verdict onError(Query& query, const Error&) override {
        note(query.requestId(), "onError", query.sql());
        return proceed();
    }

private:
    static Verdict denied(std::string_view sql, std::string_view wish) {
        if (sql.find(wish) == std::string_view::npos) return proceed();
        return deny("asked_for", std::string{wish});
    }

    void noteCall(Call& call, const char* hook) {
        if (call.name() != "hook_chains") note(call.raw()->request_id, hook, call.text("sql"));
    }

    void note(std::uint64_t request, const char* hook, std::string_view sql) {
        std::lock_guard lock(mutex_);
        seen_.push_back({{"request", request}, {"hook", hook}, {"sql", sql}});
    }

    std::mutex mutex_;
    Json seen_ = Json::array();
};

}  // namespace

HOWDAH_PLUGIN(HookChains)
