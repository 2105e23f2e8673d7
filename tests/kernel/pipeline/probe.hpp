// A plugin of the SDK whose hooks are the test's lambdas, linked in, and a chain of such plugins.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <howdah/plugin.hpp>

#include "kernel/pipeline/scripted.hpp"

namespace howdah::kernel {

struct Probe final : Plugin {
    std::function<Verdict(Query&)> before = [](Query&) { return proceed(); };
    std::function<Verdict(Query&, const howdah_result&)> after = [](Query&, const howdah_result&) { return proceed(); };
    std::function<Verdict(Query&, const Error&)> error = [](Query&, const Error&) { return proceed(); };
    std::function<Verdict(Query&, const howdah_batch&, howdah_batch&)> rows = [](Query&, const howdah_batch&,
                                                                                 howdah_batch&) { return proceed(); };
    std::vector<std::string> registered;
    std::string calls;  // "b", "a", "e" as they came

    static Verdict go() { return proceed(); }

    Result<void> start(Offer& offer) override {
        for (const std::string& sql : registered) {
            if (auto done = offer.statement({sql, HOWDAH_ACCESS_READ}); !done) return done;
        }
        return {};
    }
    Verdict beforeQuery(Query& query) override {
        calls += 'b';
        return before(query);
    }
    Verdict afterQuery(Query& query, const howdah_result& result) override {
        calls += 'a';
        return after(query, result);
    }
    Verdict onError(Query& query, const Error& failed) override {
        calls += 'e';
        return error(query, failed);
    }
    Verdict onRows(Query& query, const howdah_batch& in, howdah_batch& out) override {
        calls += 'r';
        return rows(query, in, out);
    }
};

// Everything on a fiber of the bench.
class Chain {
public:
    explicit Chain(Bench& bench) : bench_(bench), generation_(bench.generation()) {
        tool_ = bench.instance("tool");
        generation_->sql = executor.service(*tool_);
    }

    Probe& add(const std::string& id, Stage stage, OnFailure on_failure = OnFailure::deny, Mode mode = Mode::enforce,
               const std::vector<std::string>& registered = {}) {
        static const howdah_entry_v1 kEntry{sizeof kEntry, 0, 0, {"probe", 5}, {"1", 1}, &PluginTables::create<Probe>};
        auto manifest =
            manifestOf(id, concat(R"(,"hooks":{"stage":")", stageName(stage),
                                  R"(","events":["beforeQuery","afterQuery","onError"],"rows":"observe"})"));
        auto instance = std::make_shared<Instance>(manifest, Library::builtIn(kEntry), bench_.services(),
                                                   Instance::Placement{.folder = "", .worker = false, .key = ""});
        REQUIRE(instance->create());
        auto& probe = *static_cast<Probe*>(static_cast<Plugin*>(instance->self()));
        probe.registered = registered;
        REQUIRE(instance->configure("{}"));
        REQUIRE(instance->start({}));
        HookSlot slot;
        slot.self = instance->self();
        slot.table = &instance->hooks();
        slot.instance = instance.get();
        slot.stage = stage;
        slot.mode = mode;
        slot.on_failure = on_failure;
        slot.transforms_rows = true;
        generation_->before_query.push_back(slot);
        generation_->instances.push_back(std::move(instance));
        return probe;
    }

    GenerationPin pin() {
        if (!pinned_) pinned_ = GenerationPin(std::move(generation_));
        return pinned_;
    }
    Instance& tool() { return *tool_; }

    // One query of a tool; what it read of the answer, or the error.
    Result<std::string> run(Request& served, std::string_view sql = "select 1") { return run(served, request(sql)); }
    Result<std::string> run(Request& served, const howdah_query_request& asked) {
        served.generation = pin();
        howdah_ctx ctx(tool_.get(), served);
        QueryRun query(ctx, served.generation);
        if (auto done = query.run(asked); !done) return std::move(done).error();
        howdah_batch batch{};
        Result<bool> more = query.next(batch);
        while (more && *more)
            more = query.next(batch);
        if (!more) return std::move(more).error();
        trailer = query.trailer();
        return std::string{fromAbi(query.columns().at(0).name)};
    }
    Result<std::string> run(std::string_view sql = "select 1") {
        Request served;
        return run(served, sql);
    }

    // Before the first run.
    HookSlot& slot(std::size_t index) { return generation_->before_query.at(index); }
    void close(std::size_t database, std::string why) { generation_->databases.at(database).closed = std::move(why); }

    FakeExecutor executor;
    howdah_trailer trailer{};  // of the last run that came to its end

private:
    Bench& bench_;
    std::unique_ptr<Generation> generation_;
    GenerationPin pinned_;
    std::shared_ptr<Instance> tool_;
};

// A query a hook runs inside itself; the error's text, or "".
inline std::string nested(Query& query, std::string_view sql, std::uint32_t provenance = HOWDAH_PROVENANCE_CLIENT) {
    howdah_query_request inner = request(sql);
    inner.provenance = provenance;
    howdah_rows* rows = nullptr;
    const Context& context = query.context();
    if (context.host().query().run(context.raw(), &inner, &rows) < 0) return context.lastError().message;
    return {};
}

}  // namespace howdah::kernel
