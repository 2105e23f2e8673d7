#include "kernel/host/library.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <vector>

#include <boost/dll/shared_library.hpp>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <howdah/host.hpp>

#include "kernel/base/hex.hpp"
#include "kernel/host/elf_check.hpp"

namespace howdah::kernel {
namespace {

constexpr off_t kLibraryBytesMax = 256 << 20;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

std::string reason() {
    return std::strerror(errno);
}

// The whole file from one open descriptor, so that what is hashed is what is copied.
Result<std::vector<char>> readWhole(const std::filesystem::path& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0) return Error::notFound(path.string(), " cannot be opened: ", reason());
    struct stat facts{};
    if (::fstat(file.get(), &facts) != 0) return Error::unavailable(path.string(), ": ", reason());
    if (!S_ISREG(facts.st_mode)) return Error::refused(path.string(), " is not a regular file");
    if ((facts.st_mode & S_IWOTH) != 0) return Error::refused(path.string(), " is writable by everybody; chmod o-w it");
    if (facts.st_size > kLibraryBytesMax) return Error::refused(path.string(), " is larger than 256 MiB");
    std::vector<char> bytes(static_cast<std::size_t>(facts.st_size));
    std::size_t got = 0;
    while (got < bytes.size()) {
        ssize_t n = ::read(file.get(), bytes.data() + got, bytes.size() - got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Error::unavailable(path.string(), " changed while it was read");
        got += static_cast<std::size_t>(n);
    }
    return bytes;
}

std::string sha256Of(const std::vector<char>& bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return hexOf(digest.data(), size);
}

Result<void> writeWhole(const std::filesystem::path& path, const std::vector<char>& bytes) {
    // Under another name first: a copy cut short is never taken for the image.
    std::filesystem::path partial = path;
    partial += concat(".", static_cast<std::int64_t>(::getpid()), ".part");
    Descriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0500));
    if (file.get() < 0) return Error::unavailable(partial.string(), " cannot be written: ", reason());
    std::size_t put = 0;
    while (put < bytes.size()) {
        ssize_t n = ::write(file.get(), bytes.data() + put, bytes.size() - put);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Error::unavailable(partial.string(), " cannot be written: ", reason());
        put += static_cast<std::size_t>(n);
    }
    if (::rename(partial.c_str(), path.c_str()) != 0) return Error::unavailable(path.string(), ": ", reason());
    return {};
}

Result<std::filesystem::path> storeImage(const std::filesystem::path& store, const std::string& sha256,
                                         const std::vector<char>& bytes) {
    if (auto prepared = Library::prepareStore(store); !prepared) return std::move(prepared).error();
    std::error_code failed;
    std::filesystem::path image = store / (sha256 + ".so");
    // An image that is there already must hold these very bytes; anything else under that name is replaced.
    if (std::filesystem::exists(image, failed)) {
        auto present = readWhole(image);
        if (present && *present == bytes) return image;
    }
    if (auto written = writeWhole(image, bytes); !written) return std::move(written).error();
    return image;
}

Result<void> checkEntry(const howdah_entry_v1& entry, const Manifest& manifest, const std::string& path) {
    if (entry.struct_size < sizeof(howdah_entry_v1)) {
        return Error::refused(path, ": its entry is ", entry.struct_size, " bytes, at least ", sizeof(howdah_entry_v1),
                              " were expected; it was built with broken headers, build it again");
    }
    if (fromAbi(entry.id) != manifest.id || fromAbi(entry.version) != manifest.version ||
        entry.abi_minor_needs != manifest.abi_needs) {
        return Error::refused(path, ": metadata mismatch: the library says ", fromAbi(entry.id), " ",
                              fromAbi(entry.version), " needing ABI 1.", entry.abi_minor_needs, ", plugin.json says ",
                              manifest.id, " ", manifest.version, " needing 1.", manifest.abi_needs,
                              "; install both from one build");
    }
    if (auto newer = abiRefusal(entry.abi_minor_needs, manifest.id); !newer.empty()) {
        return Error::refused(path, ": it ", newer);
    }
    return {};
}

// Everything that was ever loaded.
std::deque<boost::dll::shared_library>& mapped() {
    static auto& libraries = *new std::deque<boost::dll::shared_library>;
    return libraries;
}

}  // namespace

std::shared_ptr<Library> Library::builtIn(const howdah_entry_v1& entry) {
    std::shared_ptr<Library> made(new Library);
    made->entry_ = &entry;
    made->sha256_ = "built in";
    return made;
}

Result<void> Library::prepareStore(const std::filesystem::path& store) {
    std::error_code failed;
    std::filesystem::create_directories(store, failed);
    if (!failed) std::filesystem::permissions(store, std::filesystem::perms::owner_all, failed);
    if (failed) return Error::unavailable("cannot make the folder ", store.string(), ": ", failed.message());
    // The rights of the user the server runs as; a file system may be mounted read-only whatever the mode says.
    if (::faccessat(AT_FDCWD, store.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        return Error::unavailable("cannot write to the folder ", store.string(), ": ", reason());
    }
    return {};
}

Result<std::shared_ptr<Library>> Library::load(const std::filesystem::path& folder, const Manifest& manifest,
                                               const std::filesystem::path& store) {
    std::string stem = manifest.id.substr(manifest.id.find('/') + 1);
    std::filesystem::path path = folder / (stem + ".so");
    auto bytes = readWhole(path);
    if (!bytes) return std::move(bytes).error();
    if (auto whole = checkElf(*bytes); !whole) {
        return Error::refused(path.string(), " cannot be loaded: ", whole.error().message);
    }

    std::shared_ptr<Library> made(new Library);
    made->sha256_ = sha256Of(*bytes);
    auto image = storeImage(store, made->sha256_, *bytes);
    if (!image) return std::move(image).error();

    namespace dll = boost::dll;
    dll::shared_library* loaded = nullptr;
    try {
        loaded = &mapped().emplace_back(image->string(), dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    } catch (const std::exception& failed) {
        // Boost's error code is always "bad file descriptor"; the loader's own words are in the text.
        return Error::refused(path.string(), " cannot be loaded: ", std::string_view{failed.what()});
    }
    if (!loaded->has(HOWDAH_ENTRY_SYMBOL)) {
        return Error::refused(
            path.string(), " has no symbol " HOWDAH_ENTRY_SYMBOL
                           "; it is not a plugin, or was built for another ABI major; end it with HOWDAH_PLUGIN(...)");
    }
    made->entry_ = &loaded->get<const howdah_entry_v1>(HOWDAH_ENTRY_SYMBOL);
    if (auto sound = checkEntry(*made->entry_, manifest, path.string()); !sound) return std::move(sound).error();
    return made;
}

}  // namespace howdah::kernel
