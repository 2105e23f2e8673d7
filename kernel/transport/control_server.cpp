#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/transport/control.hpp"
#include "kernel/transport/control_wire.hpp"
#include "kernel/transport/framing.hpp"

namespace howdah::kernel {

namespace {

// One may be held up by a long command; the other still tells the status.
constexpr unsigned kThreads = 2;
constexpr int kBacklog = 16;

Error systemError(std::string_view what, const std::string& path) {
    return Error::unavailable("cannot ", what, " ", path, ": ", std::string_view(std::strerror(errno)));
}

// What to do about a folder that is not the server's alone. One like /tmp is meant to be shared and must stay so; in it
// nobody can take the place of a folder that is somebody's own.
std::string otherFolder(const std::filesystem::path& folder, bool own, bool sticky) {
    constexpr std::string_view kChoose = "choose a folder of the server's own for control.socket";
    if (sticky) {
        const auto inside = folder / concat("howdah-", ::geteuid()) / "control.sock";
        return concat(kChoose, ", such as ", inside.string(), "; a missing folder is made");
    }
    if (own) return concat("chmod go-w ", folder.string(), ", or ", kChoose);
    return concat(kChoose, "; a missing folder is made");
}

// Whoever can write to the folder can put another socket in our place.
Result<void> prepareFolder(const std::filesystem::path& folder) {
    std::error_code error;
    const bool existed = std::filesystem::exists(folder, error);
    std::filesystem::create_directories(folder, error);
    if (error) return Error::unavailable("cannot create the folder ", folder.string(), ": ", error.message());
    if (!existed && ::chmod(folder.c_str(), 0700) != 0) return systemError("protect", folder.string());
    struct stat status{};
    if (::stat(folder.c_str(), &status) != 0) return systemError("look at", folder.string());
    const bool own = status.st_uid == ::geteuid();
    if (own && (status.st_mode & 022) == 0) return {};
    return Error::refused("the folder ", folder.string(), " of the control socket ",
                          own ? "can be written to by others" : "belongs to another user")
        .withHint(otherFolder(folder, own, (status.st_mode & S_ISVTX) != 0));
}

bool isOwnUser(int connection) {
    return peerUid(connection) == std::int64_t{::geteuid()};
}

std::string errorResponse(const Error& error) {
    nlohmann::json response = {{"ok", false}, {"error", {{"code", name(error.code)}, {"message", error.message}}}};
    if (!error.hint.empty()) response["error"]["hint"] = error.hint;
    return response.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

struct ControlServer::State {
    void serve();
    void answer(int connection) const;
    Result<std::string> handle(const std::string& request) const;

    std::string path;
    Limits limits;
    Handler handler;
    std::optional<UnixListener> listener;
    Descriptor stop_event;
    std::vector<std::thread> threads;
};

void ControlServer::State::serve() {
    for (;;) {
        pollfd watched[] = {{listener->socket(), POLLIN, 0}, {stop_event.get(), POLLIN, 0}};
        if (::poll(watched, 2, -1) < 0 && errno != EINTR) return;
        if (watched[1].revents != 0) return;
        const Descriptor connection(::accept4(listener->socket(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection) {
            answer(connection.get());
        } else if (errno == EMFILE || errno == ENFILE) {
            waitFor(stop_event.get(), POLLIN, Deadline::in(std::chrono::milliseconds(50)));  // instead of spinning
        }
    }
}

// A client that does not take its answer has only itself to blame: nothing to report to anybody.
void ControlServer::State::answer(int connection) const {
    if (!isOwnUser(connection)) {
        const Error refused = Error::refused("the control socket serves only the user the server runs as");
        static_cast<void>(sendLine(connection, errorResponse(refused), Deadline::in(limits.response_limit)));
        return;
    }
    auto request = receiveLine(connection, limits.request_bytes_max, Deadline::in(limits.request_limit));
    const Result<std::string> result = request ? handle(*request) : Result<std::string>(request.error());
    std::string response;
    if (result) {
        response = R"({"ok":true,"result":)";
        appendOnOneLine(response, *result);
        response += '}';
    } else {
        response = errorResponse(result.error());
    }
    static_cast<void>(sendLine(connection, response, Deadline::in(limits.response_limit)));
}

Result<std::string> ControlServer::State::handle(const std::string& request) const {
    const auto json = nlohmann::json::parse(request, nullptr, false);
    if (!json.is_object() || !json.contains("command") || !json["command"].is_string()) {
        return Error::invalidArgument(R"(a control request is one line of JSON, {"command":"..."})");
    }
    const auto command = json["command"].get<std::string>();
    return handler(command, request);
}

Result<std::unique_ptr<ControlServer>> ControlServer::start(std::string path, Limits limits, Handler handler) {
    if (auto address = unixAddress(path); !address) return address.error();
    if (auto prepared = prepareFolder(std::filesystem::path(path).parent_path()); !prepared) return prepared.error();
    auto listener = UnixListener::open(path, 0600, kBacklog);
    if (!listener) return listener.error();
    Descriptor stop_event(::eventfd(0, EFD_CLOEXEC));
    if (!stop_event) return systemError("make an eventfd for", path);

    auto state = std::make_unique<State>();
    state->path = std::move(path);
    state->limits = limits;
    state->handler = std::move(handler);
    state->listener.emplace(std::move(*listener));
    state->stop_event = std::move(stop_event);
    for (unsigned i = 0; i < kThreads; ++i)
        state->threads.emplace_back([raw = state.get()] { raw->serve(); });
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(state)));
}

ControlServer::ControlServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

ControlServer::~ControlServer() {
    stop();
}

const std::string& ControlServer::path() const {
    return state_->path;
}

void ControlServer::stop() {
    if (state_->threads.empty()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(state_->stop_event.get(), &one, sizeof one);
    assert(written == sizeof one);
    for (auto& thread : state_->threads)
        thread.join();
    state_->threads.clear();
    state_->listener.reset();
}

}  // namespace howdah::kernel
