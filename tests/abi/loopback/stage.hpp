// Where a plugin is tried: a FakeHost whose queries, calls and services answer from a script and write down what they
// were asked, beside the plugin's own log. Two runs of the same plugin are alike if their transcripts are.
//
// Threads: one; the plugin's tasks and work write to a list of their own, so that the order of lines is always the
// same.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <howdah/test/fake_host.hpp>

#include "tests/abi/loopback/printed.hpp"

namespace howdah::loopback {

class Transcript {
public:
    void add(std::string line) {
        std::lock_guard lock(mutex_);
        (std::this_thread::get_id() == main_ ? lines_ : others_).push_back(std::move(line));
    }
    std::vector<std::string> lines() {
        std::lock_guard lock(mutex_);
        std::vector<std::string> all = lines_;
        all.insert(all.end(), others_.begin(), others_.end());
        return all;
    }
    void clear() {
        std::lock_guard lock(mutex_);
        lines_.clear();
        others_.clear();
    }

private:
    std::mutex mutex_;
    std::thread::id main_ = std::this_thread::get_id();
    std::vector<std::string> lines_;
    std::vector<std::string> others_;
};

Transcript& transcript();
// Puts the scripted interfaces and services into a host.
void furnish(test::FakeHost& host);

}  // namespace howdah::loopback
