// The least a server can do on this machine, as a yardstick for ours: HTTP and JSON-RPC read, the client's SQL run as
// it came, the rows written as JSON into a text content. No checks, no guard, no limits, no reconnect, no pool to speak
// of.
//
//   ceiling PORT THREADS CONNECTIONS   POST on 127.0.0.1:PORT; every thread has CONNECTIONS of its own
//   ceiling PORT THREADS 0             the same without a database: every call gets the same row, as from a cache
//   ceiling --stdio                    one message a line, one connection, nothing asynchronous
//
// The database comes from the PG* environment. A failure at start ends it; one later is answered as an error.
// Threads: share nothing. Each has its io_context, its acceptor on the same port (SO_REUSEPORT) and its connections.
// Source:  PostgreSQL manual, libpq, "Asynchronous Command Processing".
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <simdjson.h>
#include <sys/socket.h>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

[[noreturn]] void die(std::string_view what, std::string_view why) {
    std::cerr << "ceiling: " << what << ": " << why << '\n';
    std::exit(1);
}

PGconn* connectDatabase() {
    PGconn* connection = PQconnectdb("");
    if (PQstatus(connection) != CONNECTION_OK) die("the database", PQerrorMessage(connection));
    return connection;
}

// --- JSON out: everything lies inside a JSON string, so a quote of the inner document is written \" and so on

void appendInner(std::string& out, std::string_view text) {
    out += "\\\"";
    std::size_t from = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, from, i - from);
        from = i + 1;
        if (c == '"') {
            out += R"(\\\")";
        } else if (c == '\\') {
            out += R"(\\\\)";
        } else {
            char escaped[12];
            std::snprintf(escaped, sizeof escaped, "\\\\u%04x", c);
            out += escaped;
        }
    }
    out.append(text, from);
    out += "\\\"";
}

bool writtenAsNumber(Oid type) {
    constexpr Oid kInt8 = 20, kInt2 = 21, kInt4 = 23;
    return type == kInt8 || type == kInt2 || type == kInt4;
}

void appendRows(std::string& out, const PGresult* rows) {
    constexpr Oid kBool = 16;
    const int columns = PQnfields(rows);
    out += R"({\"columns\":[)";
    for (int c = 0; c < columns; ++c) {
        if (c > 0) out += ',';
        appendInner(out, PQfname(rows, c));
    }
    out += R"(],\"rows\":[)";
    for (int r = 0; r < PQntuples(rows); ++r) {
        out += r > 0 ? ",[" : "[";
        for (int c = 0; c < columns; ++c) {
            if (c > 0) out += ',';
            const std::string_view value(PQgetvalue(rows, r, c), static_cast<std::size_t>(PQgetlength(rows, r, c)));
            const Oid type = PQftype(rows, c);
            if (PQgetisnull(rows, r, c) != 0) {
                out += "null";
            } else if (type == kBool) {
                out += value == "t" ? "true" : "false";
            } else if (writtenAsNumber(type)) {
                out += value;
            } else {
                appendInner(out, value);
            }
        }
        out += ']';
    }
    out += R"(],\"row_count\":)" + std::to_string(PQntuples(rows)) + '}';
}

std::string answerOf(const std::string& id, const PGresult* rows) {
    std::string out = R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[{"type":"text","text":")";
    const bool failed = PQresultStatus(rows) != PGRES_TUPLES_OK;
    if (failed) {
        appendInner(out, PQresultErrorMessage(rows));
    } else {
        appendRows(out, rows);
    }
    out += failed ? R"("}],"isError":true}})" : R"("}],"isError":false}})";
    return out;
}

// What `SELECT 1` is answered with.
std::string fixedAnswer(const std::string& id) {
    return R"({"jsonrpc":"2.0","id":)" + id +
           R"(,"result":{"content":[{"type":"text","text":"{\"columns\":[\"?column?\"],\"rows\":[[1]],\"row_count\":1}"}],"isError":false}})";
}

// --- JSON in

struct Call {
    std::string id;
    std::string sql;                  // empty: `answer` is complete, and empty for a notification
    std::vector<std::string> params;  // as PostgreSQL reads them
    std::string answer;
};

class Reader {
public:
    Call read(const std::string& body) {
        Call call;
        if (!tryRead(body, call)) {
            call.sql.clear();
            call.answer = R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no call of a tool"}})";
        }
        return call;
    }

private:
    bool tryRead(const std::string& body, Call& call) {
        text_ = simdjson::padded_string(body);
        simdjson::ondemand::document message;
        std::string_view id, method;
        if (parser_.iterate(text_).get(message) || message["method"].get(method)) return false;
        if (message["id"].raw_json_token().get(id)) return method.starts_with("notifications/");
        call.id = id.substr(0, id.find_last_not_of(" \t\n\r") + 1);
        if (method == "initialize") {
            call.answer = R"({"jsonrpc":"2.0","id":)" + call.id +
                          R"(,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)" +
                          R"("serverInfo":{"name":"ceiling","version":"0"}}})";
            return true;
        }
        simdjson::ondemand::object arguments;
        if (method != "tools/call" || message["params"]["arguments"].get(arguments)) return false;
        std::string_view sql;
        if (arguments["sql"].get(sql)) return false;
        call.sql = sql;
        simdjson::ondemand::array params;
        if (arguments["params"].get(params)) return true;  // none given
        for (auto param : params) {
            std::string_view value;
            if (param.get_string().get(value) && param.raw_json_token().get(value)) return false;
            call.params.emplace_back(value);
        }
        return true;
    }

    simdjson::ondemand::parser parser_;
    simdjson::padded_string text_;
};

std::vector<const char*> pointersTo(const std::vector<std::string>& params) {
    std::vector<const char*> pointers;
    pointers.reserve(params.size());
    for (const std::string& param : params)
        pointers.push_back(param.c_str());
    return pointers;
}

// --- the database, without blocking

class Connection;

struct Pool {
    bool none = false;  // there is no database
    std::deque<std::pair<Call, std::function<void(Rows)>>> waiting;
    std::vector<Connection*> idle;
    void run(Call call, std::function<void(Rows)> done);
};

class Connection {
public:
    Connection(asio::io_context& io, Pool& pool)
        : pool_(pool), libpq_(connectDatabase()), socket_(io, PQsocket(libpq_)) {
        PQsetnonblocking(libpq_, 1);
        pool_.idle.push_back(this);
    }

    void run(const Call& call, std::function<void(Rows)> done) {
        done_ = std::move(done);
        const auto params = pointersTo(call.params);
        if (PQsendQueryParams(libpq_, call.sql.c_str(), static_cast<int>(params.size()), nullptr, params.data(),
                              nullptr, nullptr, 0) == 0) {
            die("the database", PQerrorMessage(libpq_));
        }
        flush();
        receive();
    }

private:
    void flush() {
        if (PQflush(libpq_) == 1) socket_.async_wait(socket_.wait_write, [this](error_code) { flush(); });
    }

    void receive() {
        socket_.async_wait(socket_.wait_read, [this](error_code) {
            if (PQconsumeInput(libpq_) == 0) die("the database", PQerrorMessage(libpq_));
            while (PQisBusy(libpq_) == 0) {
                Rows next(PQgetResult(libpq_), PQclear);
                if (!next) return finish();
                rows_ = std::move(next);
            }
            receive();
        });
    }

    void finish() {
        auto done = std::move(done_);
        Rows rows = std::move(rows_);
        if (pool_.waiting.empty()) {
            pool_.idle.push_back(this);
        } else {
            auto [call, next] = std::move(pool_.waiting.front());
            pool_.waiting.pop_front();
            run(call, std::move(next));
        }
        done(std::move(rows));
    }

    Pool& pool_;
    PGconn* libpq_;  // until the process ends
    asio::posix::stream_descriptor socket_;
    Rows rows_{nullptr, PQclear};
    std::function<void(Rows)> done_;
};

void Pool::run(Call call, std::function<void(Rows)> done) {
    if (idle.empty()) {
        waiting.emplace_back(std::move(call), std::move(done));
        return;
    }
    Connection* connection = idle.back();
    idle.pop_back();
    connection->run(call, std::move(done));
}

// --- HTTP

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(asio::ip::tcp::socket socket, Pool& pool) : socket_(std::move(socket)), pool_(pool) {
        socket_.set_option(asio::ip::tcp::no_delay(true));
    }

    void next() {
        request_ = {};
        http::async_read(socket_, buffer_, request_, [self = shared_from_this()](error_code failed, std::size_t) {
            if (!failed) self->handle();  // else the client has gone, and so does the session
        });
    }

private:
    void handle() {
        Call call = reader_.read(request_.body());
        if (call.sql.empty()) return answer(std::move(call.answer));
        std::string id = call.id;
        if (pool_.none) return answer(fixedAnswer(id));
        pool_.run(std::move(call), [self = shared_from_this(), id = std::move(id)](Rows rows) {
            self->answer(answerOf(id, rows.get()));
        });
    }

    void answer(std::string body) {
        response_ = {body.empty() ? http::status::accepted : http::status::ok, 11};
        response_.set(http::field::content_type, "application/json");
        response_.keep_alive(request_.keep_alive());
        response_.body() = std::move(body);
        response_.prepare_payload();
        http::async_write(socket_, response_, [self = shared_from_this()](error_code failed, std::size_t) {
            if (!failed && self->response_.keep_alive()) self->next();
        });
    }

    asio::ip::tcp::socket socket_;
    Pool& pool_;
    Reader reader_;
    boost::beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response<http::string_body> response_;
};

void accept(asio::ip::tcp::acceptor& acceptor, Pool& pool) {
    acceptor.async_accept([&](error_code failed, asio::ip::tcp::socket socket) {
        if (!failed) std::make_shared<Session>(std::move(socket), pool)->next();
        accept(acceptor, pool);
    });
}

void serveHttp(unsigned short port, int connections) {
    asio::io_context io(1);
    Pool pool;
    pool.none = connections == 0;
    std::vector<std::unique_ptr<Connection>> open;
    open.reserve(static_cast<std::size_t>(connections));
    for (int i = 0; i < connections; ++i)
        open.push_back(std::make_unique<Connection>(io, pool));
    asio::ip::tcp::acceptor acceptor(io, asio::ip::tcp::v4());
    const int on = 1;
    ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    acceptor.bind({asio::ip::address_v4::loopback(), port});
    acceptor.listen();
    accept(acceptor, pool);
    io.run();
}

void serveStdio() {
    std::ios::sync_with_stdio(false);
    PGconn* connection = connectDatabase();
    Reader reader;
    for (std::string line; std::getline(std::cin, line);) {
        Call call = reader.read(line);
        if (!call.sql.empty()) {
            const auto params = pointersTo(call.params);
            Rows rows(PQexecParams(connection, call.sql.c_str(), static_cast<int>(params.size()), nullptr,
                                   params.data(), nullptr, nullptr, 0),
                      PQclear);
            call.answer = answerOf(call.id, rows.get());
        }
        if (!call.answer.empty()) std::cout << call.answer << '\n' << std::flush;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--stdio") {
        serveStdio();
        return 0;
    }
    if (argc != 4) die("usage", "ceiling PORT THREADS CONNECTIONS, or ceiling --stdio");
    const auto port = static_cast<unsigned short>(std::stoi(argv[1]));
    std::vector<std::jthread> threads(static_cast<std::size_t>(std::stoi(argv[2])));
    for (std::jthread& thread : threads)
        thread = std::jthread(serveHttp, port, std::stoi(argv[3]));
}
