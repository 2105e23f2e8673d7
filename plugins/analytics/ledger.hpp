// All that is known: what the file says and what was recorded since. Other instances and processes may write to the
// same file, as at a reload; each adds what it has recorded, and reads what the others have.
//
// Threads: any that may block and compute: workers, and the control thread at start and stop; state() any. One mutex,
//          never taken by a shard, and one that is held for a copy only.
// Owns:    the history and the file; the recorders are the plugin's.
// Errors:  a save that fails is told once in the log and tried again at the next; nothing is lost by it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <howdah/host.hpp>

#include "plugins/analytics/history.hpp"
#include "plugins/analytics/recorder.hpp"
#include "plugins/analytics/state_file.hpp"

namespace howdah::analytics {

class Ledger {
public:
    using Clock = std::function<std::chrono::system_clock::time_point()>;

    // Without `folder` nothing is kept over a restart.
    Ledger(const Host& host, const Config& config, std::string folder,
           const std::vector<std::unique_ptr<Recorder>>& recorders, Clock clock = std::chrono::system_clock::now);

    // What the file says. A damaged one is set aside under another name, and told.
    void load();
    // Takes what the recorders have, and what others have written meanwhile.
    void collect();
    void save();

    // Looks at all that was collected; `look` computes and makes no host call.
    void read(const std::function<void(const History&, std::chrono::system_clock::time_point)>& look);

    struct State {
        std::size_t patterns = 0, hours = 0, bytes = 0;
        std::string file;     // empty: none is written
        std::string trouble;  // of the file, as the log was told; empty: none
    };
    State state() const;  // as it was after the last of the others

private:
    Hour hourNow() const;
    void show();      // with the mutex
    bool readFile();  // with the mutex; false where the file cannot be read and must not be replaced
    void setAside(const std::string& damage);
    void tell(std::string trouble);

    const Host& host_;
    const Config& config_;
    const std::string folder_, file_;
    const std::vector<std::unique_ptr<Recorder>>& recorders_;
    const Clock clock_;

    std::mutex mutex_;
    History all_;
    History unsaved_;
    FileIdentity seen_;
    std::string trouble_;

    mutable std::mutex shown_mutex_;
    State shown_;
};

}  // namespace howdah::analytics
