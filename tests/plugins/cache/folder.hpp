// A folder of one test, gone when it ends.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include <unistd.h>

namespace howdah::cache::test {

class Folder {
public:
    Folder() {
        static std::atomic<unsigned> made{0};
        path_ = (std::filesystem::temp_directory_path() /
                 ("howdah-cache-" + std::to_string(::getpid()) + "-" + std::to_string(++made)))
                    .string();
        std::filesystem::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace howdah::cache::test
