// The guard: judges the final text of every client statement once, and lends its findings to other plugins.
//
// Threads: hooks run on every shard at once; the cache and the table of long texts are behind their own short locks.
// Owns:    the policy and the judgements of one configuration.
// Errors:  a refused statement is denied with rule, position and what to do; a failure to judge is a fault of the hook,
//          which denies by default.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <howdah/plugin.hpp>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/config.hpp"

namespace howdah::guard {
namespace {

using SharedJudgement = std::shared_ptr<const Judgement>;

// Texts on their way to a thread with a large stack. The waiting fiber may give up first, so both sides share the text.
class LongTexts {
public:
    struct Text {
        std::string sql;
        Path path;
        std::optional<Result<Facts>> result;
    };

    std::pair<std::uint64_t, std::shared_ptr<Text>> add(std::string_view sql, Path path) {
        auto text = std::make_shared<Text>(Text{std::string(sql), path, std::nullopt});
        const std::lock_guard lock(mutex_);
        texts_.emplace(++last_token_, text);
        return {last_token_, text};
    }
    std::shared_ptr<Text> take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto node = texts_.extract(token);
        return node.empty() ? nullptr : std::move(node.mapped());
    }

private:
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Text>> texts_;
};

Result<Facts> judge(const std::string& sql, Path path, const Policy& policy) {
    return path == Path::read ? classify(sql, policy) : classifyWrite(sql, policy);
}

Path pathOf(std::uint32_t access) {
    return access == HOWDAH_ACCESS_READ ? Path::read : Path::write;
}

class Guard final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        auto config = Config::parse(section);
        if (!config) return config.error();
        policy_ = std::move(config->policy);
        cache_.emplace(config->cache);
        return {};
    }

    Result<void> start(Offer&) override { return checkScanner(); }

    // The last stage that may refuse: behind it nobody can change the text or the parameters.
    Verdict beforeQuery(Query& query) override {
        if (!query.fromClient()) return proceed();  // judged when its plugin registered it
        auto judgement = judgementOf(query.context(), query.sql(), pathOf(query.raw()->access));
        if (!judgement) return Verdict::fault(std::move(judgement).error());
        if (const auto& result = (*judgement)->result(); !result) {
            refusals_.fetch_add(1, std::memory_order_relaxed);
            return deny(result.error());
        }
        if (auto attached = query.setFacts((*judgement)->abi()); !attached) return Verdict::fault(attached.error());
        return proceed();
    }

    void work(std::uint64_t token) override {
        if (auto text = long_texts_.take(token)) text->result = judge(text->sql, text->path, policy_);
    }
    void drop(std::uint64_t token) override { long_texts_.take(token); }

    Result<Json> report(Context&) override {
        return Json{{"status", "ok"},
                    {"refusals", refusals_.load(std::memory_order_relaxed)},
                    {"cache",
                     {{"entries", cache_->entryCount()},
                      {"bytes", cache_->byteCount()},
                      {"hits", cache_->hits()},
                      {"misses", cache_->misses()}}}};
    }

    const void* interface(std::string_view id) override { return id == HOWDAH_STATEMENT_1 ? &kStatement : nullptr; }

private:
    Result<SharedJudgement> judgementOf(const Context& context, std::string_view sql, Path path) {
        if (sql.size() > policy_.limits().text_bytes_max)  // refused by its size alone, and not worth keeping
            return std::make_shared<const Judgement>(judge(std::string(sql), path, policy_));
        if (auto found = cache_->find(sql, path, policy_.generation())) return found;
        if (!needsLargeStack(sql))
            return cache_->insert(sql, path, policy_.generation(), judge(std::string(sql), path, policy_));

        const auto [token, text] = long_texts_.add(sql, path);
        const howdah_status status =
            host().offload().run(context.raw(), token, HOWDAH_OFFLOAD_LARGE_STACK, context.deadlineNs());
        long_texts_.take(token);  // if no worker has it yet, none shall
        if (status < 0) return context.lastError();
        if (!text->result) return Error::internal("the worker returned without a judgement of the statement");
        return cache_->insert(sql, path, policy_.generation(), std::move(*text->result));
    }

    // howdah.statement/1: the same judgement for another plugin, copied into its request.
    static howdah_status facts(void* self, howdah_ctx* ctx, howdah_str sql, std::uint32_t access,
                               const howdah_facts** out) noexcept {
        Guard& guard = *static_cast<Guard*>(static_cast<Plugin*>(self));
        return PluginTables::guarded(guard, ctx, [&]() -> Result<void> {
            const Context context(guard.host(), ctx);
            auto judgement = guard.judgementOf(context, fromAbi(sql), pathOf(access));
            if (!judgement) return judgement.error();
            if (const auto& result = (*judgement)->result(); !result) return result.error();
            *out = guard.keep(context, (*judgement)->abi());
            if (!*out) return Error::unavailable("the memory of this request is used up");
            return {};
        });
    }

    const howdah_facts* keep(const Context& context, const howdah_facts& facts) const {
        const auto keepNames = [&](const howdah_name*& names, std::uint64_t count) {
            if (count == 0) return true;
            auto* copies =
                static_cast<howdah_name*>(host().context().alloc(context.raw(), count * sizeof(howdah_name)));
            if (!copies) return false;
            for (std::uint64_t i = 0; i < count; ++i) {
                copies[i] = {context.keep(fromAbi(names[i].schema)), context.keep(fromAbi(names[i].name))};
                if (!copies[i].schema.data || !copies[i].name.data) return false;
            }
            names = copies;
            return true;
        };
        auto* copy = static_cast<howdah_facts*>(host().context().alloc(context.raw(), sizeof(howdah_facts)));
        if (!copy) return nullptr;
        *copy = facts;
        if (!keepNames(copy->tables, copy->table_count) || !keepNames(copy->functions, copy->function_count))
            return nullptr;
        return copy;
    }

    static constexpr howdah_statement_v1 kStatement{sizeof(howdah_statement_v1), 0, &Guard::facts};

    Policy policy_;
    std::optional<FactsCache> cache_;
    LongTexts long_texts_;
    std::atomic<std::uint64_t> refusals_{0};
};

}  // namespace
}  // namespace howdah::guard

HOWDAH_PLUGIN(howdah::guard::Guard)
