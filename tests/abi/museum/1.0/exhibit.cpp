// What a plugin of 1.0 could do without a database: arguments, arena, log, a sealed text, a counter shared through
// howdah.kv/1, an event, work on a thread, an error, hooks. Frozen: this is the source of the binaries beside it; see ../make.
#include <atomic>
#include <mutex>

#include <howdah/abi/auth.h>
#include <howdah/plugin.hpp>
#include <howdah/waiting.hpp>

using namespace howdah;

class Exhibit final : public Plugin {
    Result<void> configure(const Json& section) override {
        name_ = section.value("name", "nobody");
        return {};
    }
    Result<void> start(Offer& offer) override {
        auto kv = offer.acquire<howdah_kv_v1>(HOWDAH_KV_1);
        if (!kv) return kv.error();
        kv_ = *kv;
        ready_.emplace(host());
        offer.bind("exhibit", [this](ToolCall& call) { return show(call); });
        host().log(LogLevel::info, "the exhibit stands");
        return {};
    }
    void stop() override { ready_.reset(); }

    Verdict beforeCall(Call&) override {
        ++before_;
        return proceed();
    }
    void afterCall(Call&, const Error*) override { ++after_; }
    void work(std::uint64_t token) override {
        worked_ = token;
        ready_->set();
    }

    Result<void> show(ToolCall& call) {
        if (call.text("word") == "fail") return Error::notFound("asked to fail");
        const Context& context = call.context();
        if (auto done = context.goOn(); !done) return done;
        std::int64_t count = 0;
        if (kv_.table->add(kv_.self, context.raw(), toAbi("shown"), 2, 0, &count) < 0) return context.lastError();
        if (host().offload().run(context.raw(), 7, HOWDAH_OFFLOAD_BLOCKING, kNoDeadline) < 0)
            return context.lastError();
        if (ready_->wait(context) < 0) return context.lastError();
        auto sealed = context.seal("word", call.text("word"), 60'000);
        if (!sealed) return sealed.error();
        auto word = context.unseal("word", *sealed);
        if (!word) return word.error();
        howdah_str kept = context.keep(*word);
        if (auto told = call.progress(1, 2, "half way"); !told) return told;
        return call.writeText(concat(name_, " ", fromAbi(kept), " ", call.integer("number"),
                                     call.boolean("flag") ? " yes" : " no", " kv ", count, " work ", worked_.load(),
                                     " hooks ", before_.load(), "/", after_.load()));
    }

    std::string name_;
    Offer::Acquired<howdah_kv_v1> kv_;
    std::optional<Event> ready_;
    std::atomic<std::uint64_t> worked_{0};
    std::atomic<int> before_{0};
    std::atomic<int> after_{0};
};

HOWDAH_PLUGIN(Exhibit)
