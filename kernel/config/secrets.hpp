// Secrets by reference: ${env:NAME}, ${env:NAME:-default}, ${file:/path} inside any text value of the configuration;
// $${ writes a plain "${". Keys are never touched.
//
// A value that is one single reference and stands without quotes is typed like any plain scalar, so that
// `connections_max: ${env:POOL_MAX:-20}` is a number; quoted it is text.
//
// Threads: any; reads the process environment through Environment.
// Owns:    nothing. Paths are taken relative to the folder of the configuration file.
// Errors:  invalid_argument, "file:line:column: key: text"; secret values never enter a message.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/config/yaml.hpp"

namespace howdah::kernel {

// Looks a variable up. Set but empty counts as not set, as in a shell's ${NAME:-default}.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment processEnvironment();

struct Secrets {
    std::map<std::string, std::string, std::less<>> references;  // JSON pointer -> the text as written
    std::vector<std::string> warnings;                           // "file:line:column: key: text"

    bool contains(std::string_view pointer) const { return references.find(pointer) != references.end(); }
};

// Replaces the references in `document.root` in place.
Result<Secrets> resolveSecrets(YamlDocument& document, const Environment& environment,
                               const std::filesystem::path& folder);

// A connection string fit for logs and screens: passwords in URIs and key=value form become "***", and so does
// whatever may be a piece of one that was not encoded.
std::string maskDsn(std::string_view dsn);
// The same for one with references: as it was written if nothing secret stands beside them, else resolved and masked.
std::string maskWrittenDsn(std::string_view written, std::string_view resolved);

// A text of a plugin's section: a URL without its password and the keys in its query, what a secret key names not at
// all, anything else as it is. `key` "" for an element of a list.
std::string maskValue(std::string_view key, std::string_view value);

}  // namespace howdah::kernel
