#include "kernel/cli/signals.hpp"

#include <csignal>
#include <cstdlib>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace howdah::kernel::cli {
namespace {

void set(int event) {
    const std::uint64_t one = 1;
    if (::write(event, &one, sizeof one) != sizeof one) std::abort();  // an eventfd takes any small number
}

}  // namespace

Signals::Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
    ended_ = ::eventfd(0, EFD_CLOEXEC);
    over_ = ::eventfd(0, EFD_CLOEXEC);
}

Signals::~Signals() {
    if (second_stop_.joinable()) {
        set(over_);
        second_stop_.join();
    }
    for (int descriptor : {signals_, ended_, over_})
        ::close(descriptor);
}

Signals::What Signals::next() {
    pollfd watched[2] = {{signals_, POLLIN, 0}, {ended_, POLLIN, 0}};
    while (true) {
        if (::poll(watched, 2, -1) < 0) continue;  // interrupted by a debugger
        if (watched[1].revents & POLLIN) {
            std::uint64_t count = 0;
            if (::read(ended_, &count, sizeof count) == sizeof count) return What::stdio_ended;
        }
        if (watched[0].revents & POLLIN) {
            signalfd_siginfo info{};
            if (::read(signals_, &info, sizeof info) != sizeof info) continue;
            return info.ssi_signo == SIGHUP ? What::reload : What::stop;
        }
    }
}

void Signals::stdioEnded() const {
    set(ended_);
}

void Signals::nextStopIsFinal() {
    if (second_stop_.joinable()) return;
    second_stop_ = std::thread([signals = signals_, over = over_] {
        pollfd watched[2] = {{signals, POLLIN, 0}, {over, POLLIN, 0}};
        while (true) {
            if (::poll(watched, 2, -1) < 0) continue;
            if (watched[1].revents & POLLIN) return;
            signalfd_siginfo info{};
            if (::read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGHUP) ::_exit(1);
        }
    });
}

}  // namespace howdah::kernel::cli
