// What of the configuration goes to which part of the server, and what of it waits for a restart.
//
// Threads: pure functions, any.
#pragma once

#include <functional>
#include <string>

#include "kernel/base/json.hpp"
#include "kernel/config/config.hpp"
#include "kernel/protocol/protocol.hpp"
#include "kernel/transport/client_channels.hpp"
#include "kernel/transport/http.hpp"
#include "kernel/transport/stdio.hpp"

namespace howdah::kernel {

unsigned shardCount(const Config& config);  // 0 in the configuration: min(cores, 4, connections_max / 4), at least 1
ProtocolOptions protocolOptions(const Config& config);
HttpServer::Config httpConfig(const Config& config);  // of a configuration that has transports.http
StdioServer::Config stdioConfig(const Config& config, std::function<void()> on_input_end, std::function<void()> on_end);
ClientChannels::Config channelsConfig(const Config& config);

// Keys that differ from those the server was started with (printable()) and are not in force, comma-separated.
std::string untilRestart(const Json& started, const Config& fresh);

}  // namespace howdah::kernel
