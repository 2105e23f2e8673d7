// One tool and one hook. The hook sees every tool call of the server before it runs; the tool tells how many it saw.
#include <atomic>

#include <howdah/plugin.hpp>

class Hello final : public howdah::Plugin {
    howdah::Result<void> configure(const howdah::Json& section) override {
        greeting_ = section.value("greeting", "Hello");
        return {};
    }

    howdah::Result<void> start(howdah::Offer& offer) override {
        offer.bind("hello", [this](howdah::ToolCall& call) {
            return call.writeText(
                howdah::concat(greeting_, ", ", call.text("name"), "! Calls so far: ", calls_.load()));
        });
        return {};
    }

    howdah::Verdict beforeCall(howdah::Call&) override {
        ++calls_;  // calls come in on several shards at once
        return proceed();
    }

    std::string greeting_;
    std::atomic<int> calls_{0};
};

HOWDAH_PLUGIN(Hello)
