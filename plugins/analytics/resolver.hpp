// Finds the pattern of each text that was put aside, one parse a text, through the service howdah.statement/1. It takes
// at most a tenth of its shard's time, so that a flood of new texts slows no request.
//
// Threads: a fiber; several at once, each with texts of its own.
// Errors:  none: what cannot be read is counted as unread.
#pragma once

#include <memory>
#include <vector>

#include <howdah/abi/statement.h>
#include <howdah/host.hpp>

#include "plugins/analytics/config.hpp"
#include "plugins/analytics/recorder.hpp"

namespace howdah::analytics {

class Resolver {
public:
    struct Service {
        const howdah_statement_v1* table = nullptr;  // null: nobody offers it
        void* self = nullptr;
    };
    Resolver(const Config& config, Service service, const std::vector<std::unique_ptr<Recorder>>& recorders);

    bool hasWork() const;
    // All that waits now, as far as there is time once the context is over. Patterns lie in its arena, so a context of
    // its own each time.
    void run(const Context& context) const;
    // What is left when nothing may be asked any more.
    void giveUp() const;

private:
    PatternPtr ask(const Context& context, const Recorder::Waiting& waiting) const;

    const Config& config_;
    const Service service_;
    const std::vector<std::unique_ptr<Recorder>>& recorders_;
};

}  // namespace howdah::analytics
