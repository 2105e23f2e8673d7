// Hooks and an executor that follow the configuration, to be run in every run mode.
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <howdah/abi/sql.h>
#include <howdah/plugin.hpp>
#include <howdah/rows.hpp>
#include <howdah/waiting.hpp>

#include "lifecycle_log.hpp"

namespace {

using howdah::Call;
using howdah::Context;
using howdah::Error;
using howdah::Json;
using howdah::Query;
using howdah::Result;
using howdah::ToolCall;
using howdah::Verdict;

class HookProbe final : public howdah::Plugin {
public:
    Result<void> configure(const Json& section) override {
        before_ = section.value("before", std::string{"proceed"});
        after_ = section.value("after", std::string{"proceed"});
        ends_ = section.value("ends", std::string{"result"});
        start_ = section.value("start", std::string{"ok"});
        log_.open(section, "hookprobe");
        return {};
    }
    Result<void> start(howdah::Offer& offer) override {
        if (start_ == "fail") return Error::unavailable("told to fail");
        never_.emplace(host());
        offer.bind("probe", [this](ToolCall& call) { return probe(call); });
        log_.line("start");
        return {};
    }
    void stop() override { log_.line("stop"); }
    ~HookProbe() override { log_.line("destroy"); }

    Verdict beforeCall(Call&) override {
        std::lock_guard lock(mutex_);
        calls_ = "C";
        return proceed();
    }
    void afterCall(Call&, const Error*) override { note("c"); }
    Verdict beforeQuery(Query& query) override {
        note("b");
        if (before_ == "budget") {
            if (never_->wait(query.context()) >= 0) return deny("none", "the wait ended well");
            return proceed();
        }
        return decide(before_, "before");
    }
    Verdict afterQuery(Query&, const howdah_result&) override {
        note("a");
        return decide(after_, "after");
    }
    Verdict onError(Query&, const Error&) override {
        note("e");
        return decide(after_, "after");
    }
    Verdict onRows(Query&, const howdah_batch&, howdah_batch&) override {
        note("r");
        return proceed();
    }
    const void* interface(std::string_view id) override {
        static constexpr howdah_sql_v1 kSql{sizeof kSql, 0, &execute, &columns, &next, &trailer, &close};
        return id == HOWDAH_SQL_1 ? &kSql : nullptr;
    }

private:
    static HookProbe& of(void* self) { return *static_cast<HookProbe*>(static_cast<Plugin*>(self)); }

    static Verdict decide(const std::string& what, const char* name) {
        if (what == "throw") throw std::runtime_error("told to throw");
        if (what == "deny") return deny("probe", howdah::concat("denied ", name));
        if (what == "proceed") return proceed();
        howdah::ReplyData data;
        data.columns.push_back({howdah::toAbi(std::string_view{name}), 25, -1});
        return reply(std::move(data));
    }

    // Whoever reads them runs one request at a time.
    void note(const char* event) {
        std::lock_guard lock(mutex_);
        calls_ += event;
    }

    Result<void> probe(ToolCall& call) {
        if (call.boolean("wait")) {
            (void)never_->wait(call.context());
            return call.context().lastError();
        }
        std::string outcome;
        {
            auto rows = call.query("select 1");
            if (!rows) {
                outcome = howdah::concat("error ", rows.error().message);
            } else {
                outcome = read(*rows);
            }
        }
        std::string calls;
        {
            std::lock_guard lock(mutex_);
            calls = std::exchange(calls_, {});
        }
        return call.writeText(howdah::concat(calls, " ", outcome));
    }

    std::string read(howdah::Rows& rows) const {
        std::string name{howdah::fromAbi(rows.columns()[0].name)};
        auto batch = rows.nextBatch();
        if (ends_ == "stops_reading") return "stopped";
        while (batch && *batch)
            batch = rows.nextBatch();
        if (!batch) return howdah::concat("error ", batch.error().message);
        return howdah::concat("rows ", name);
    }

    // --- howdah.sql/1: the cursor counts the batches given
    static howdah_status execute(void* self, howdah_ctx* ctx, const howdah_execution*, std::uint64_t* cursor) noexcept {
        if (of(self).ends_ == "error") return Context(of(self).host(), ctx).fail(Error::database("42601", "db"));
        *cursor = reinterpret_cast<std::uint64_t>(new int{0});
        return HOWDAH_OK;
    }
    static howdah_status columns(void*, howdah_ctx*, std::uint64_t, const howdah_column** columns,
                                 std::uint64_t* count) noexcept {
        static constexpr howdah_column kColumn{{"db", 2}, 25, -1};
        *columns = &kColumn;
        *count = 1;
        return HOWDAH_OK;
    }
    static howdah_status next(void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_batch* batch) noexcept {
        static const std::vector<std::uint8_t> kBytes(300 * 1024);
        const HookProbe& it = of(self);
        const int step = (*reinterpret_cast<int*>(cursor))++;
        if (step == 1 && it.ends_ == "error_in_stream")
            return Context(it.host(), ctx).fail(Error::database("57014", "db"));
        if (step == (it.ends_ == "result" ? 1 : 2)) return 0;
        *batch = {kBytes.data(), it.ends_ == "result" ? 8 : kBytes.size(), 1};
        return 1;
    }
    static howdah_status trailer(void*, howdah_ctx*, std::uint64_t, howdah_trailer* trailer) noexcept {
        *trailer = {sizeof *trailer, 0, 1, -1, 0, {"SELECT 1", 8}, HOWDAH_FROM_DATABASE, 0, 0, 0};
        return HOWDAH_OK;
    }
    static void close(void*, howdah_ctx*, std::uint64_t cursor) noexcept { delete reinterpret_cast<int*>(cursor); }

    std::string before_, after_, ends_, start_;
    LifecycleLog log_;
    std::optional<howdah::Event> never_;
    std::mutex mutex_;
    std::string calls_;
};

}  // namespace

HOWDAH_PLUGIN(HookProbe)
