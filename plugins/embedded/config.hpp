#pragma once

#include <cstdint>
#include <string>

#include <howdah/plugin.hpp>

namespace howdah::embedded {

struct Config {
    bool keep = false;          // the data outlives the server
    bool sample = true;         // the sample business is loaded into a new database
    std::uint32_t port = 5432;  // 1..65535, only part of the socket's name: nothing listens on TCP
    std::string bin_dir;        // PostgreSQL's programs; "" looks for them
    std::string data_dir;       // with keep; "" is the plugin's own state folder, /var/lib/howdah/embedded as root

    static Result<Config> parse(const Json& section);
};

}  // namespace howdah::embedded
