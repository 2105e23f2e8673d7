// Signals: what makes a server stop or reload, as events the main thread waits for.
//
// Threads: create before any other thread (the mask is inherited); next() on the main thread; stdioEnded() any.
// Source:  signalfd(2), eventfd(2).
#pragma once

#include <cstdint>
#include <thread>

namespace howdah::kernel::cli {

class Signals {
public:
    enum class What : std::uint8_t { stop, reload, stdio_ended };

    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    What next();
    void stdioEnded() const;
    // From now on a second SIGTERM or SIGINT ends the process at once, with status 1.
    void nextStopIsFinal();

private:
    int signals_;
    int ended_;
    int over_;                 // set: nobody waits for a second stop any more
    std::thread second_stop_;  // while one is waited for
};

}  // namespace howdah::kernel::cli
