#include "front.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace howdah::grpc_transport {
namespace {

using Clock = FrameGuard::Clock;

constexpr std::size_t kPieceBytes = 16384;
constexpr std::chrono::milliseconds kTick{200};  // in which an instance notices that it is the newest again
constexpr int kBacklog = 128;

struct Address {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_in);
    sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }

    // Of a "HOST:PORT" that Config has checked.
    static Address of(const std::string& text) {
        Address address;
        const std::size_t colon = text.rfind(':');
        const auto port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
        if (text.front() == '[') {
            auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
            v6->sin6_family = AF_INET6;
            v6->sin6_port = port;
            inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &v6->sin6_addr);
            address.size = sizeof *v6;
        } else {
            auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
            v4->sin_family = AF_INET;
            v4->sin_port = port;
            inet_pton(AF_INET, text.substr(0, colon).c_str(), &v4->sin_addr);
        }
        return address;
    }
    std::string text() const {
        char host[INET6_ADDRSTRLEN] = {};
        if (storage.ss_family == AF_INET6) {
            const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
            inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
            return concat("[", std::string_view(host), "]:", ntohs(v6->sin6_port));
        }
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        return concat(std::string_view(host), ":", ntohs(v4->sin_port));
    }
};

// Bytes on their way in one direction.
struct Way {
    int from;
    int to;
    std::unique_ptr<char[]> bytes{new char[kPieceBytes]};
    std::size_t begin = 0, end = 0;
    bool ended = false;  // nothing more comes
    bool told = false;   // and the other side knows

    bool wantsToRead() const { return !ended && begin == end; }
    bool wantsToWrite() const { return begin < end; }

    // False when the connection is broken. `seen` looks at what was read.
    template <typename Seen>
    bool move(bool readable, Seen&& seen) {
        if (readable && wantsToRead()) {
            const ssize_t got = ::recv(from, bytes.get(), kPieceBytes, 0);
            if (got < 0 && errno != EAGAIN && errno != EINTR) return false;
            if (got == 0) ended = true;
            if (got > 0) {
                begin = 0;
                end = static_cast<std::size_t>(got);
                if (!seen(std::string_view(bytes.get(), end))) return false;
            }
        }
        if (wantsToWrite()) {
            const ssize_t sent = ::send(to, bytes.get() + begin, end - begin, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
            if (sent > 0) begin += static_cast<std::size_t>(sent);
        }
        if (ended && !wantsToWrite() && !std::exchange(told, true)) ::shutdown(to, SHUT_WR);
        return true;
    }
};

}  // namespace

// One for each address in this process: a new instance of the plugin begins before the old one has ended.
struct Front::Listener {
    int descriptor = -1;
    std::string address;
    std::mutex mutex;
    std::vector<const Front*> fronts;  // the last one accepts

    ~Listener() {
        if (descriptor >= 0) ::close(descriptor);
    }

    static Result<std::shared_ptr<Listener>> at(const std::string& address) {
        static std::mutex all_mutex;
        static std::map<std::string, std::weak_ptr<Listener>> all;
        std::lock_guard lock(all_mutex);
        Address where = Address::of(address);
        if (auto shared = all[address].lock()) return shared;
        auto made = std::make_shared<Listener>();
        made->descriptor = ::socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int on = 1;
        if (made->descriptor >= 0) ::setsockopt(made->descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (made->descriptor < 0 || ::bind(made->descriptor, where.raw(), where.size) != 0 ||
            ::listen(made->descriptor, kBacklog) != 0) {
            return Error::unavailable("cannot listen on grpc.listen ", address, ": ", std::strerror(errno),
                                      "; stop what listens there or choose another port");
        }
        ::getsockname(made->descriptor, where.raw(), &where.size);
        made->address = where.text();
        // Port 0 is another one each time, so it is not found again.
        if (made->address == address) all[address] = made;
        return made;
    }
    bool isNewest(const Front* front) {
        std::lock_guard lock(mutex);
        return !fronts.empty() && fronts.back() == front;
    }
    void join(const Front* front) {
        std::lock_guard lock(mutex);
        fronts.push_back(front);
    }
    void leave(const Front* front) {
        std::lock_guard lock(mutex);
        std::erase(fronts, front);
    }
};

struct Front::Connection {
    Connection(int its_client, int its_inner, int handed_over, std::string its_address,
               const FrameGuard::Limits& limits)
        : client(its_client),
          inner(its_inner),
          key(handed_over),
          address(std::move(its_address)),
          since(Clock::now()),
          guard(limits, since),
          in{client, inner},
          out{inner, client} {}
    ~Connection() {
        ::close(client);
        ::close(inner);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    const int client, inner;
    const int key;  // in clients_
    const std::string address;
    const Clock::time_point since;
    FrameGuard guard;
    Way in, out;
    std::string refused;  // why it is no client's

    // False when it is over.
    bool move(short client_events, short inner_events) {
        constexpr short kRead = POLLIN | POLLHUP | POLLERR;
        const bool sound = in.move((client_events & kRead) != 0, [&](std::string_view bytes) {
            auto passed = guard.take(bytes, Clock::now());
            if (!passed) refused = passed.error().message;
            return passed.has_value();
        }) && out.move((inner_events & kRead) != 0, [](std::string_view) { return true; });
        return sound && !(in.told && out.told);
    }
};

Result<std::unique_ptr<Front>> Front::start(Config config, const Host& host, HandOver hand_over) {
    auto listener = Listener::at(config.listen);
    if (!listener) return std::move(listener).error();
    std::unique_ptr<Front> front(new Front(std::move(config), host, std::move(hand_over), std::move(*listener)));
    front->wake_ = ::eventfd(0, EFD_CLOEXEC);
    if (front->wake_ < 0) return Error::unavailable("cannot make an eventfd: ", std::strerror(errno));
    front->listener_->join(front.get());
    front->thread_ = std::thread([raw = front.get()] { raw->run(); });
    return front;
}

Front::Front(Config config, const Host& host, HandOver hand_over, std::shared_ptr<Listener> listener)
    : config_(std::move(config)),
      host_(host),
      hand_over_(std::move(hand_over)),
      listener_(std::move(listener)),
      address_(listener_->address) {}

Front::~Front() {
    stop();
}

void Front::stop() {
    if (thread_.joinable()) {
        listener_->leave(this);
        stopping_ = true;
        const std::uint64_t one = 1;
        if (::write(wake_, &one, sizeof one) != sizeof one) std::abort();  // an eventfd takes any small number
        thread_.join();
    }
    if (wake_ >= 0) ::close(std::exchange(wake_, -1));
}

std::string Front::addressOf(int descriptor) const {
    std::lock_guard lock(mutex_);
    auto found = clients_.find(descriptor);
    return found == clients_.end() ? "" : found->second;
}

std::size_t Front::connectionCount() const {
    std::lock_guard lock(mutex_);
    return clients_.size();
}

bool Front::mayAccept() const {
    return accepting_ && connections_.size() < config_.connections_max && Clock::now() >= accept_again_ &&
           listener_->isNewest(this);
}

void Front::run() {
    std::vector<pollfd> watched;
    while (!stopping_) {
        watched.clear();
        watched.push_back({wake_, POLLIN, 0});
        watched.push_back({mayAccept() ? listener_->descriptor : -1, POLLIN, 0});
        for (const Connection& one : connections_) {
            auto events = [](bool reads, bool writes) {
                return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
            };
            const short client = events(one.in.wantsToRead(), one.out.wantsToWrite());
            const short inner = events(one.out.wantsToRead(), one.in.wantsToWrite());
            watched.push_back({client ? one.client : -1, client, 0});
            watched.push_back({inner ? one.inner : -1, inner, 0});
        }
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(kTick.count()));
        if (ready < 0 && errno != EINTR) std::abort();  // only for what cannot be: bad memory, too many descriptors
        std::size_t at = 2;
        for (auto one = connections_.begin(); one != connections_.end(); at += 2) {
            const bool late = !one->guard.greeted() && Clock::now() - one->since > config_.greeting_limit;
            if (!late && one->move(watched[at].revents, watched[at + 1].revents)) {
                ++one;
                continue;
            }
            if (!one->refused.empty()) host_.log(LogLevel::warn, "cut off ", one->address, ": ", one->refused);
            {
                std::lock_guard lock(mutex_);
                clients_.erase(one->key);
            }
            one = connections_.erase(one);
        }
        if (watched[1].revents && mayAccept()) accept();  // a newer front may have come since it was looked at
    }
    connections_.clear();
}

void Front::accept() {
    Address from;
    from.size = sizeof from.storage;
    const int client = ::accept4(listener_->descriptor, from.raw(), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        // Out of descriptors: what waits is taken when others have gone, not asked for in a busy loop.
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            accept_again_ = Clock::now() + kTick;
        return;
    }
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        ::close(client);
        accept_again_ = Clock::now() + kTick;
        return;
    }
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    {
        std::lock_guard lock(mutex_);
        clients_[pair[1]] = from.text();
    }
    connections_.emplace_back(client, pair[0], pair[1], from.text(), config_.guard);
    hand_over_(pair[1]);
}

}  // namespace howdah::grpc_transport
