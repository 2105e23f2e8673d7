#include "kernel/host/library.hpp"

#include <fstream>

#include <sys/stat.h>

#include "kernel/host/host_fixture.hpp"

namespace howdah::kernel {
namespace {

namespace fs = std::filesystem;

Manifest manifest(int needs = 0, const std::string& version = "1.0.0") {
    auto made = Manifest::fromText(
        concat(R"({"schema":1,"id":"broken","version":")", version, R"(","summary":"s","abi":{"needs":)", needs, "}}"),
        "test");
    REQUIRE(made);
    return *made;
}

class Place {
public:
    // A folder with broken.so, copied from the build.
    const fs::path& with(const std::string& name) {
        fs::copy_file(fs::path(HOWDAH_BROKEN_PLUGINS) / (name + ".so"), folder_.path / "broken.so",
                      fs::copy_options::overwrite_existing);
        return folder_.path;
    }
    std::string refusal(const Manifest& wanted) {
        auto loaded = Library::load(folder_.path, wanted, folder_.path / "images");
        return loaded ? "" : loaded.error().message;
    }
    const TemporaryFolder& folder() const { return folder_; }

private:
    TemporaryFolder folder_;
};

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("library: a sound one loads, and equal bytes are the same image") {
    Place place;
    place.with("sound");
    auto first = Library::load(place.folder().path, manifest(), place.folder().path / "images");
    auto second = Library::load(place.folder().path, manifest(), place.folder().path / "images");
    REQUIRE(first);
    REQUIRE(second);
    CHECK(&(*first)->entry() == &(*second)->entry());
    CHECK((*first)->sha256().size() == 64);
}

TEST_CASE("library: each refusal names the file and what to do") {
    Place place;
    CHECK(says(place.refusal(manifest()), "broken.so cannot be opened: No such file"));
    place.folder().write("broken.so", "#!/bin/sh\nnot a library\n");
    CHECK(says(place.refusal(manifest()), "broken.so cannot be loaded: "));
    place.with("no_entry");
    CHECK(says(place.refusal(manifest()), "has no symbol howdah_plugin_v1; it is not a plugin"));
    place.with("small");
    CHECK(says(place.refusal(manifest()), "it was built with broken headers, build it again"));
    place.with("too_new");
    CHECK(says(place.refusal(manifest(99)), "broken.so: it needs SDK ABI 1.99, this server has 1."));
    CHECK(says(place.refusal(manifest(99)), "upgrade the server or install an older version of broken"));
    place.with("sound");
    CHECK(says(place.refusal(manifest(0, "2.0.0")), "metadata mismatch: the library says broken 1.0.0"));
    CHECK(says(place.refusal(manifest(0, "2.0.0")), "plugin.json says broken 2.0.0"));
}

TEST_CASE("library: one that is cut off is refused before the loader touches it, which would end the process") {
    Place place;
    for (std::uintmax_t kept : {0, 100, 1000, 2000}) {
        fs::resize_file(place.with("sound") / "broken.so", kept);
        const std::string told = place.refusal(manifest());
        CHECK_MESSAGE(says(told, concat("broken.so cannot be loaded: it is cut off: ", kept, " of ")), told);
    }
    CHECK(place.with("sound") == place.folder().path);
    CHECK(place.refusal(manifest()) == "");
}

TEST_CASE("library: a file that everybody may write, a link and a folder are refused") {
    Place place;
    fs::path file = place.with("sound") / "broken.so";
    REQUIRE(::chmod(file.c_str(), 0666) == 0);
    CHECK(says(place.refusal(manifest()), "is writable by everybody; chmod o-w it"));
    fs::rename(file, place.folder().path / "other.so");
    fs::create_symlink(place.folder().path / "other.so", file);
    CHECK(says(place.refusal(manifest()), "cannot be opened"));
    fs::remove(file);
    fs::create_directory(file);
    CHECK(says(place.refusal(manifest()), "is not a regular file"));
}

TEST_CASE("library: a store that cannot be made or written to is told with its folder and the reason") {
    Place place;
    const fs::path store = place.folder().path / "state" / "images";
    CHECK(Library::prepareStore(store).has_value());
    CHECK(Library::prepareStore(store).has_value());
    CHECK((fs::status(store).permissions() & fs::perms::mask) == fs::perms::owner_all);
    place.folder().write("file", "");
    auto under_file = Library::prepareStore(place.folder().path / "file" / "images");
    REQUIRE_FALSE(under_file);
    CHECK(says(under_file.error().message, concat("cannot make the folder ", (place.folder().path / "file").string())));
}

TEST_CASE("library: an image in the store that holds other bytes is never loaded") {
    Place place;
    place.with("no_entry");
    CHECK(says(place.refusal(manifest()), "has no symbol"));
    // Somebody puts other bytes where the image of the sound one belongs.
    place.with("sound");
    auto loaded = Library::load(place.folder().path, manifest(), place.folder().path / "first");
    REQUIRE(loaded);
    fs::path image = place.folder().path / "images" / ((*loaded)->sha256() + ".so");
    fs::copy_file(fs::path(HOWDAH_BROKEN_PLUGINS) / "no_entry.so", image, fs::copy_options::overwrite_existing);
    CHECK(place.refusal(manifest()) == "");
}

}  // namespace howdah::kernel
