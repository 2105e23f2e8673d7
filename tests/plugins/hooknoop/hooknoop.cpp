// Hooks that do nothing behind the SDK's whole barrier, and a tool that does nothing.
#include <howdah/plugin.hpp>

namespace {

class HookNoop final : public howdah::Plugin {
    howdah::Result<void> start(howdah::Offer& offer) override {
        offer.bind("noop", [](howdah::ToolCall&) { return howdah::Result<void>{}; });
        return {};
    }
};

}  // namespace

HOWDAH_PLUGIN(HookNoop)
