#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <howdah/replace_file.hpp>

namespace howdah {
namespace {

namespace fs = std::filesystem;

class Folder {
public:
    Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string of(const char* name) const { return path_ + "/" + name; }
    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator{}));
    }

private:
    std::string path_ = "/tmp/howdah-files-XXXXXX";
};

std::string contentOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// A write beyond this many bytes fails with EFBIG, as one to a full disk fails with ENOSPC.
class FileLimit {
public:
    explicit FileLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit now{bytes, before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
    }
    ~FileLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("replaceFile: the new content, for its owner alone, and nothing left beside it") {
    const Folder folder;
    const std::string path = folder.of("state");
    const mode_t mask = ::umask(0);
    for (const Durable durable : {Durable::no, Durable::yes}) {
        REQUIRE(replaceFile(path, "first", durable));
        REQUIRE(replaceFile(path, "second", durable));
    }
    ::umask(mask);
    CHECK(contentOf(path) == "second");
    struct stat found{};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
    CHECK(folder.entries() == 1);
}

TEST_CASE("replaceFile: what cannot be written leaves the old file and says why") {
    const Folder folder;
    const std::string path = folder.of("state");
    REQUIRE(replaceFile(path, "old", Durable::no));
    {
        const FileLimit limit(10);
        const auto full = replaceFile(path, "more than ten bytes", Durable::no);
        REQUIRE_FALSE(full);
        CHECK_MESSAGE(full.error().message.starts_with("cannot write " + path), full.error().message);
        CHECK(full.error().message.ends_with("File too large"));
    }
    CHECK(contentOf(path) == "old");
    CHECK(folder.entries() == 1);

    const auto nowhere = replaceFile(folder.of("none/state"), "new", Durable::no);
    REQUIRE_FALSE(nowhere);
    CHECK(nowhere.error().message ==
          "cannot make a file beside " + folder.of("none/state") + ": No such file or directory");

    fs::create_directory(folder.of("folder"));
    const auto taken = replaceFile(folder.of("folder"), "new", Durable::no);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().message.starts_with("cannot rename " + folder.of("folder.")));
    CHECK(folder.entries() == 2);
}

TEST_CASE("replaceFile: of writers at once one wins, whole") {
    const Folder folder;
    const std::string path = folder.of("state");
    const auto writes = [&](char letter) {
        for (int i = 0; i < 200; ++i)
            CHECK(replaceFile(path, std::string(10'000, letter), Durable::no));
    };
    std::jthread one(writes, 'a');
    std::jthread other(writes, 'b');
    for (int i = 0; i < 200; ++i) {
        const std::string seen = contentOf(path);
        if (seen.empty()) continue;  // before the first
        CHECK(seen == std::string(10'000, seen.front()));
    }
    one.join();
    other.join();
    CHECK(contentOf(path).size() == 10'000);
    CHECK(folder.entries() == 1);
}

}  // namespace howdah
