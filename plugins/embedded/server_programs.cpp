#include "server_programs.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "files.hpp"
#include "process.hpp"

namespace howdah::embedded {
namespace {

constexpr std::chrono::seconds kVersionLimit{10};
constexpr std::string_view kInstall =
    "apt install postgresql (with create_main_cluster=false no cluster of its own appears)";

bool hasServer(const std::string& folder) {
    for (const char* program : {"/postgres", "/initdb", "/psql"}) {
        if (access((folder + program).c_str(), X_OK) != 0) return false;
    }
    return true;
}

// "postgres (PostgreSQL) 15.20 (Debian ...)" -> "15.20"; "" when it cannot be asked.
std::string versionOf(const std::string& folder) {
    const Descriptor output(memfd_create("version", MFD_CLOEXEC));
    if (output.get() < 0) return {};
    const std::string file = concat("/proc/self/fd/", output.get());
    if (!run({.arguments = {folder + "/postgres", "--version"}, .log = file, .account = {}}, kVersionLimit)) return {};
    const std::string text = readText(file);
    const std::size_t start = text.find(") ");
    if (start == std::string::npos) return {};
    return text.substr(start + 2, text.find_first_of(" \n", start + 2) - start - 2);
}

std::vector<std::string> candidates() {
    glob_t found{};
    glob("/usr/lib/postgresql/*/bin", 0, nullptr, &found);
    glob("/usr/pgsql-*/bin", GLOB_APPEND, nullptr, &found);
    std::vector<std::string> folders(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    const char* search = std::getenv("PATH");
    std::string_view path = search ? search : "";
    while (!path.empty()) {
        const std::size_t colon = std::min(path.find(':'), path.size());
        if (path.starts_with('/')) folders.emplace_back(path.substr(0, colon));
        path.remove_prefix(std::min(colon + 1, path.size()));
    }
    return folders;
}

}  // namespace

Result<ServerPrograms> findServerPrograms(const std::string& bin_dir, std::string_view wanted_major) {
    if (!bin_dir.empty()) {
        if (!hasServer(bin_dir)) return Error::notFound("no postgres, initdb and psql in bin_dir ", bin_dir);
        return ServerPrograms{bin_dir, versionOf(bin_dir)};
    }
    std::optional<ServerPrograms> best;
    auto rank = [&](const ServerPrograms& programs) {
        return std::pair(programs.major() == wanted_major, leadingNumber(programs.version));
    };
    for (const std::string& folder : candidates()) {
        if (!hasServer(folder)) continue;
        ServerPrograms programs{folder, versionOf(folder)};
        if (!best || rank(programs) > rank(*best)) best = std::move(programs);
    }
    if (best) return *std::move(best);
    return Error::notFound("no PostgreSQL server programs under /usr/lib/postgresql or on PATH")
        .withHint(concat("install them: ", kInstall, ", or set embedded.bin_dir"));
}

Result<std::optional<Account>> serverAccount() {
    if (geteuid() != 0) return std::optional<Account>{};
    const passwd* user = getpwnam("postgres");
    if (!user) {
        return Error::notFound("PostgreSQL does not run as root, and there is no user postgres")
            .withHint(concat("install it with the server: ", kInstall, ", or start howdah as another user"));
    }
    Account account{user->pw_uid, user->pw_gid, std::vector<gid_t>(64)};
    int count = static_cast<int>(account.groups.size());
    if (getgrouplist("postgres", user->pw_gid, account.groups.data(), &count) < 0) count = 1;  // its own is the first
    account.groups.resize(static_cast<std::size_t>(count));
    return std::optional<Account>{std::move(account)};
}

}  // namespace howdah::embedded
