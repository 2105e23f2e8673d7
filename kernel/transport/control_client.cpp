#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/transport/control.hpp"
#include "kernel/transport/control_wire.hpp"

namespace howdah::kernel {

namespace {

constexpr std::size_t kResponseBytesMax = 16u << 20;

Code codeOf(std::string_view text) {
    for (const Code code : {Code::invalid_argument, Code::not_found, Code::refused, Code::unavailable, Code::timeout,
                            Code::cancelled, Code::database}) {
        if (name(code) == text) return code;
    }
    return Code::internal;
}

Result<std::string> readResponse(const std::string& line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("ok") || !json["ok"].is_boolean()) {
        return Error::internal("the server gave no control response; is another program listening there?");
    }
    if (json["ok"].get<bool>()) {
        // The bytes as they came: numbers keep their digits.
        constexpr std::string_view kBegin = R"({"ok":true,"result":)";
        if (!line.starts_with(kBegin) || !line.ends_with('}')) return Error::internal("malformed control response");
        return line.substr(kBegin.size(), line.size() - kBegin.size() - 1);
    }
    const auto error = json.value("error", nlohmann::json::object());
    Error told(codeOf(error.value("code", "internal")), error.value("message", "the server gave no reason"));
    told.hint = error.value("hint", "");
    return told;
}

}  // namespace

Result<std::string> controlSocketPath(std::string_view name) {
    auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
    if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
        return Error::invalidArgument(
            "the name of a server must be 1 to 64 of lower-case letters, digits, \"-\" and \"_\", got \"", name, "\"");
    }
    auto absolute = [](const char* variable) -> std::string {
        const char* value = std::getenv(variable);
        return value && value[0] == '/' ? value : "";  // the specification: relative ones are ignored
    };
    std::string folder = absolute("XDG_RUNTIME_DIR");
    if (folder.empty()) folder = absolute("XDG_STATE_HOME");
    if (folder.empty() && !absolute("HOME").empty()) folder = absolute("HOME") + "/.local/state";
    if (folder.empty()) return Error::unavailable("no place for the control socket: set XDG_RUNTIME_DIR or HOME");
    return concat(folder, "/howdah/", name, ".sock");
}

Result<std::string> controlRequest(const std::string& path, std::string_view request, std::chrono::milliseconds limit,
                                   bool* answered) {
    if (answered) *answered = false;
    const Deadline deadline = Deadline::in(limit);
    auto address = unixAddress(path);
    if (!address) return address.error();
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return Error::internal("cannot make a socket: ", std::string_view(std::strerror(errno)));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return Error::unavailable("no server listens on ", path, ": ", std::string_view(std::strerror(errno)))
            .withHint("start one with: howdah serve");
    }
    if (request.find('\n') != std::string_view::npos) {
        return Error::invalidArgument("a control request must be one line of JSON");
    }
    // A server that closes early (another user's) may have said why.
    const auto sent = sendLine(socket.get(), request, deadline);
    auto line = receiveLine(socket.get(), kResponseBytesMax, deadline);
    if (!line) return sent ? line.error() : sent.error();
    if (answered) *answered = true;
    return readResponse(*line);
}

}  // namespace howdah::kernel
