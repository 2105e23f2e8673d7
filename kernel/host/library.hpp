// Library: a plugin's shared object, hashed, copied to a content-addressed path, and loaded from there. Equal bytes are
// the same image; a file replaced on disk never changes code that runs.
//
// Threads: load() on the control fiber; the rest any.
// Owns:    nothing that ends: an image stays mapped until the process does. dlclose is safe only for a library that was
//          proved to leave nothing behind (unique symbols, thread_local destructors, threads), and no one proves it
//          yet.
// Errors:  refusals that say what to do: missing or cut off, no entry symbol, metadata mismatch, ABI too new.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <howdah/abi/plugin.h>
#include <howdah/result.hpp>

#include "kernel/host/manifest.hpp"

namespace howdah::kernel {

class Library {
public:
    // Reads, hashes and loads <folder>/<last part of id>.so and checks its entry against the manifest.
    static Result<std::shared_ptr<Library>> load(const std::filesystem::path& folder, const Manifest& manifest,
                                                 const std::filesystem::path& store);
    // Makes the folder the images are kept in, for its owner only, and sees that it can be written to.
    static Result<void> prepareStore(const std::filesystem::path& store);
    // A plugin linked into this program; it takes the same way from here on.
    static std::shared_ptr<Library> builtIn(const howdah_entry_v1& entry);

    const howdah_entry_v1& entry() const { return *entry_; }
    const std::string& sha256() const { return sha256_; }

private:
    Library() = default;
    const howdah_entry_v1* entry_ = nullptr;
    std::string sha256_;
};

}  // namespace howdah::kernel
