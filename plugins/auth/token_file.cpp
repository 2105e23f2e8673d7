#include "token_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <unordered_set>

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

namespace howdah::auth {
namespace {

using Clock = std::chrono::system_clock;

constexpr std::string_view kHashed = "sha256:";
constexpr std::size_t kGeneratedBytes = 32;

struct Descriptor {
    int number = -1;
    explicit Descriptor(int opened) : number(opened) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

// "2027-01-01T00:00:00Z", to the second and in UTC only.
std::optional<Clock::time_point> timeOf(const std::string& text) {
    std::tm utc{};
    const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (!end || *end != '\0' || text.size() != 20) return std::nullopt;
    // The clock counts nanoseconds, from 1678 to 2262: what is written for "never" or "long ago" is just that.
    if (utc.tm_year + 1900 > 2200) return Clock::time_point::max();
    if (utc.tm_year + 1900 < 1970) return Clock::time_point{};
    return Clock::from_time_t(::timegm(&utc));
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> words;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
        if (text.empty()) return words;
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

// What a bearer token may be made of (RFC 6750, section 2.1).
bool isToken(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
    });
}

Result<Digest> digestOf(std::string_view word) {
    if (word.starts_with(kHashed)) {
        auto digest = digestFromHex(word.substr(kHashed.size()));
        if (!digest) return Error::invalidArgument("sha256: must be followed by 64 hex digits");
        return *digest;
    }
    if (!isToken(word)) return Error::invalidArgument("a token is made of letters, digits and - . _ ~ + / =");
    if (word.size() < kStaticTokenLeast) {
        return Error::invalidArgument("a token has at least ", kStaticTokenLeast,
                                      " characters, random ones: openssl rand -hex 32");
    }
    return sha256(word);
}

Result<void> readField(const std::string& field, std::string& name, Identity& identity) {
    const std::size_t equals = field.find('=');
    const std::string key = field.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : field.substr(equals + 1);
    if (value.empty() || !isPlainText(value))
        return Error::invalidArgument("fields are key=value, with a value of 1 to ", kTextMax, " bytes");
    if (key == "name") {
        name = value;
    } else if (key == "tenant") {
        identity.tenant = value;
    } else if (key == "tier") {
        identity.tier = value;
    } else if (key == "scopes") {
        identity.scopes = split(value, ",");
        if (identity.scopes.size() > kScopesMax || !std::ranges::all_of(identity.scopes, isScope))
            return Error::invalidArgument("scopes must be up to ", kScopesMax, " scopes with commas between them");
    } else if (key == "expires") {
        auto time = timeOf(value);
        if (!time) return Error::invalidArgument("expires must be like 2027-01-01T00:00:00Z");
        identity.expires = *time;
    } else {
        return Error::invalidArgument("unknown field; known: name, scopes, tenant, tier, expires");
    }
    return {};
}

}  // namespace

Result<Tokens> Tokens::parse(std::string_view text, const std::string& file) {
    Tokens tokens;
    std::unordered_set<std::string> names;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        auto wrong = [&](const Error& error) { return Error::invalidArgument(file, ":", number, ": ", error.message); };
        line = line.substr(0, line.find('#'));
        const auto words = split(line, " \t\r");
        if (words.empty()) continue;
        auto digest = digestOf(words[0]);
        if (!digest) return wrong(digest.error());
        Identity identity;
        identity.scopes = {std::string(kDefaultScope)};
        std::string name = "default";
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (auto read = readField(words[i], name, identity); !read) return wrong(read.error());
        }
        if (!names.insert(name).second)
            return wrong(Error::invalidArgument("the name ", name, " is taken by a line above"));
        identity.subject = "token:" + name;
        if (!tokens.all_.emplace(*digest, std::make_shared<const Identity>(std::move(identity))).second)
            return wrong(Error::invalidArgument("the same token stands in a line above"));
    }
    if (tokens.all_.empty()) return Error::invalidArgument(file, ": holds no token, so nobody could be let in");
    return tokens;
}

std::shared_ptr<const Identity> Tokens::find(const Digest& token) const {
    // The digest of what was sent is looked up, not what was sent: how long that takes tells nothing of a token.
    auto found = all_.find(token);
    return found != all_.end() && sameDigest(found->first, token) ? found->second : nullptr;
}

std::size_t Tokens::expiredCount(Clock::time_point now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(all_, [&](const auto& entry) { return now >= entry.second->expires; }));
}

TokenFile::Stamp TokenFile::stampOf(const struct stat& about) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    return {about.st_ino, static_cast<std::uint64_t>(about.st_size),
            about.st_mtim.tv_sec * kSecond + about.st_mtim.tv_nsec,
            about.st_ctim.tv_sec * kSecond + about.st_ctim.tv_nsec, about.st_mode};
}

bool TokenFile::changed() const {
    struct stat about{};
    if (::stat(path_.c_str(), &about) != 0) return true;
    return !(stampOf(about) == seen_);
}

Result<Tokens> TokenFile::read() {
    // O_NONBLOCK: a named pipe must not hang the start.
    Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about{};
    if (file.number < 0 || ::fstat(file.number, &about) != 0)
        return Error::unavailable("cannot read the token file ", path_, ": ", std::string_view(std::strerror(errno)));
    seen_ = stampOf(about);
    if (!S_ISREG(about.st_mode)) return Error::invalidArgument(path_, " is no regular file");
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error::refused(path_,
                              " can be written by others than its owner, who could let anybody in: chmod 600 it");
    if (about.st_size > static_cast<off_t>(kTokenFileMax))
        return Error::invalidArgument(path_, " is longer than ", kTokenFileMax, " bytes");
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(file.number, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return Error::unavailable("cannot read the token file ", path_, ": ",
                                      std::string_view(std::strerror(errno)));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return Tokens::parse(text, path_);
}

Result<bool> TokenFile::createIfAbsent() {
    auto failed = [&](std::string_view what) {
        return Error::unavailable("cannot ", what, " the token file ", path_, ": ",
                                  std::string_view(std::strerror(errno)));
    };
    if (::access(path_.c_str(), F_OK) == 0) return false;
    std::string random(kGeneratedBytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), static_cast<int>(random.size())) != 1)
        return Error::unavailable("no random numbers to make a token from");
    const std::string line = "howdah_" + toBase64Url(random) + "\n";
    // Whole under its name or not at all: another server of the same folder may be looking.
    const std::string fresh = concat(path_, ".new-", static_cast<long long>(::getpid()));
    {
        Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.number < 0) return failed("make");
        if (::write(file.number, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
            const Error error = failed("write");
            ::unlink(fresh.c_str());
            return error;
        }
    }
    const bool made = ::link(fresh.c_str(), path_.c_str()) == 0;
    const int why = errno;
    ::unlink(fresh.c_str());
    errno = why;
    if (!made && why != EEXIST) return failed("make");
    return made;
}

}  // namespace howdah::auth
