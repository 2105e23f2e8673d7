// Files and folders of a cluster: made, locked, read at the end, removed.
//
// Threads: any.
// Errors:  unavailable, naming the path and the system's reason.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <howdah/result.hpp>

namespace howdah::embedded {

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) close(number_);
    }
    int get() const { return number_; }

private:
    int number_;
};

// A folder of our own under TMPDIR, or under /tmp when that is too long for a socket's name: mode 0700.
Result<std::string> makeTemporaryFolder();

// The folder and its missing parents; the folder itself gets mode 0700.
Result<void> makeFolder(const std::string& path);

// Takes <folder>/lock for as long as the descriptor is open; an error when another process, or another instance in this
// one, holds it.
Result<Descriptor> lockFolder(const std::string& folder);

// "" when there is none.
std::string readText(const std::string& path);
Result<void> writeText(const std::string& path, std::string_view text);

// The whole number a text begins with; 0 when it begins with none, or one that is no int.
int leadingNumber(std::string_view text);

// ":\n" and the last lines of a log, for the end of an error; "" when it is empty.
std::string lastLines(const std::string& log);

// Removes temporary clusters whose server was killed before it could.
void removeAbandonedFolders();

}  // namespace howdah::embedded
