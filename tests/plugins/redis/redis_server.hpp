// A redis-server of the test's own, on a Unix socket or with TLS on a free port of loopback; stopped and started at
// will.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <howdah/result.hpp>

namespace howdah::test {

class RedisServer {
public:
    explicit RedisServer(std::vector<std::string> options = {}) : options_(std::move(options)) {
        char folder[] = "/tmp/redis-test-XXXXXX";
        REQUIRE(mkdtemp(folder) != nullptr);
        folder_ = folder;
    }
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;
    ~RedisServer() {
        stop();
        std::filesystem::remove_all(folder_);
    }

    const std::string& folder() const { return folder_; }
    std::string socket() const { return folder_ + "/redis.sock"; }
    std::uint16_t tlsPort() const { return tls_port_; }

    // A certificate for localhost, signed by itself; before start().
    void useTls() {
        run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder_ + "/key.pem",
             "-out", certificate()});
        tls_port_ = freePort();
        for (const std::string& word : {std::string("--tls-port"), std::to_string(tls_port_),
                                        std::string("--tls-cert-file"), certificate(), std::string("--tls-key-file"),
                                        folder_ + "/key.pem", std::string("--tls-auth-clients"), std::string("no")})
            options_.push_back(word);
    }
    std::string certificate() const { return folder_ + "/certificate.pem"; }

    void start() {
        std::vector<std::string> words{"redis-server",  "--port", "0", "--bind", "127.0.0.1", "--unixsocket",
                                       socket(),        "--save", "",  "--dir",  folder_,     "--logfile",
                                       folder_ + "/log"};
        words.insert(words.end(), options_.begin(), options_.end());
        pid_ = spawn(words);
        // It listens once a connection is taken.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!answers()) {
            REQUIRE(std::chrono::steady_clock::now() < end);
            std::this_thread::yield();
        }
    }
    void stop(int signal = SIGKILL) {
        if (pid_ <= 0) return;
        kill(pid_, signal);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
        std::filesystem::remove(socket());
    }
    // It neither answers nor goes away.
    void freeze() const { kill(pid_, SIGSTOP); }
    void thaw() const { kill(pid_, SIGCONT); }

    // What redis-cli says to it.
    std::string ask(const std::string& command) const {
        const std::string line = concat("redis-cli -s ", socket(), " ", command, " 2>&1");
        FILE* out = popen(line.c_str(), "r");
        REQUIRE(out != nullptr);
        std::string text;
        char bytes[256];
        while (fgets(bytes, sizeof bytes, out))
            text += bytes;
        REQUIRE(pclose(out) == 0);
        while (!text.empty() && text.back() == '\n')
            text.pop_back();
        return text;
    }

private:
    static pid_t spawn(std::vector<std::string>& words) {
        std::vector<char*> arguments;
        for (std::string& word : words)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        pid_t pid = 0;
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        for (const int descriptor : {1, 2})
            posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_WRONLY, 0);
        const int failed = posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&files);
        REQUIRE_MESSAGE(failed == 0, arguments[0]);
        return pid;
    }
    static void run(std::vector<std::string> words) {
        int status = 0;
        REQUIRE(waitpid(spawn(words), &status, 0) > 0);
        REQUIRE_MESSAGE(status == 0, words[0]);
    }
    bool answers() const {
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket().copy(address.sun_path, sizeof address.sun_path - 1);
        const bool connected = connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        close(descriptor);
        return connected;
    }
    static std::uint16_t freePort() {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size) == 0);
        REQUIRE(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        close(descriptor);
        return ntohs(address.sin_port);
    }

    std::vector<std::string> options_;
    std::string folder_;
    std::uint16_t tls_port_ = 0;
    pid_t pid_ = 0;
};

}  // namespace howdah::test
