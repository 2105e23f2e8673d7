// One line for each step in the life of a test plugin, appended to a file that the test reads.
#pragma once

#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <howdah/plugin.hpp>

class LifecycleLog {
public:
    void open(const howdah::Json& section, std::string_view name) {
        path_ = section.value("log", std::string{});
        name_ = howdah::concat(name, "#", section.value("number", 0));
    }
    // One write for a line, so that lines of two plugins never mix.
    void line(const char* step) const {
        if (path_.empty()) return;
        const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0) return;
        std::string text = howdah::concat(step, " ", name_, "\n");
        if (::write(file, text.data(), text.size()) < 0) text.clear();  // the test misses the line
        ::close(file);
    }

private:
    std::string path_;
    std::string name_;
};
