#include "kernel/server/transport_choice.hpp"

#include <algorithm>
#include <charconv>

#include <sys/stat.h>
#include <unistd.h>

namespace howdah::kernel {
namespace {

const char* nameOf(StartedBy::Input input) {
    switch (input) {
        case StartedBy::Input::terminal: return "stdin is a terminal";
        case StartedBy::Input::pipe: return "stdin is a pipe";
        case StartedBy::Input::socket: return "stdin is a socket";
        case StartedBy::Input::file: return "stdin is a file";
        case StartedBy::Input::device: return "stdin is /dev/null or another device, on which nobody speaks";
        case StartedBy::Input::closed: break;
    }
    return "stdin is closed";
}

Result<void> addPort(const char* name, const std::optional<std::string>& text, TransportChoice& choice) {
    if (!text || text->empty()) return {};
    ListenAddress address;
    const char* const end = text->data() + text->size();
    const auto [stopped, error] = std::from_chars(text->data(), end, address.port);
    if (error != std::errc() || stopped != end)
        return Error::invalidArgument(name, " must be a port of 0 to 65535, got \"", *text, "\"");
    choice.reason += concat(choice.reason.empty() ? "" : " and ", name, " is ", address.port);
    for (const ListenAddress& known : choice.listen)
        if (known.port == address.port) return {};
    choice.listen.push_back(std::move(address));
    return {};
}

}  // namespace

StartedBy::Input StartedBy::inputOf(int descriptor) {
    struct stat status{};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0) return Input::closed;
    if (S_ISFIFO(status.st_mode)) return Input::pipe;
    if (S_ISSOCK(status.st_mode)) return Input::socket;
    if (S_ISREG(status.st_mode)) return Input::file;
    return ::isatty(descriptor) == 1 ? Input::terminal : Input::device;
}

StartedBy StartedBy::now(std::size_t passed_sockets, int input, const Environment& environment) {
    return {passed_sockets, environment("HTTP_PORT"), environment("WS_PORT"), inputOf(input)};
}

Result<TransportChoice> chooseTransports(const StartedBy& started) {
    TransportChoice choice;
    if (started.passed_sockets > 0) {
        choice.listen.emplace_back().kind = ListenAddress::Kind::systemd;
        choice.reason = concat("the process was started with ", started.passed_sockets,
                               started.passed_sockets == 1 ? " socket" : " sockets", " (LISTEN_FDS)");
        return choice;
    }
    if (auto added = addPort("HTTP_PORT", started.http_port, choice); !added) return std::move(added).error();
    if (auto added = addPort("WS_PORT", started.ws_port, choice); !added) return std::move(added).error();
    if (!choice.listen.empty()) return choice;
    using Input = StartedBy::Input;
    choice.reason = nameOf(started.input);
    choice.stdio = started.input == Input::pipe || started.input == Input::socket || started.input == Input::file;
    if (!choice.stdio) choice.listen.emplace_back();
    return choice;
}

void TransportChoice::applyTo(Config& config) const {
    config.transports.stdio = stdio;
    if (listen.empty()) return;
    HttpConfig http;
    http.listen = listen;
    const auto listed = [&](const PluginEntry& entry) { return entry.id == http.auth; };
    if (http.auth != "none" && std::ranges::none_of(config.plugins, listed))
        config.plugins.emplace_back().id = http.auth;
    config.transports.http = std::move(http);
}

std::string TransportChoice::describe() const {
    std::string what = stdio ? "stdio" : "HTTP and WebSocket on ";
    for (std::size_t i = 0; i < listen.size(); ++i)
        what += concat(i == 0 ? "" : " and ", listen[i].text());
    return concat(what, ", because ", reason);
}

}  // namespace howdah::kernel
