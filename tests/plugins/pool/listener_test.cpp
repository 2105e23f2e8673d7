// Listeners (howdah.listen/1): what NOTIFY tells, and that silence is known to be silence.
#include <algorithm>
#include <memory>

#include <howdah/abi/listen.h>

#include "pool_fixture.hpp"

using namespace howdah;
using namespace howdah::test;

namespace {

constexpr std::uint64_t kSecond_ns = 1'000'000'000;

// One listener of a pool, asked in one request; closed at the end.
class OpenListener {
public:
    explicit OpenListener(PoolFixture& pool, std::string_view channel = "changes", std::string_view database = "main")
        : call(pool.host), pool_(pool), table_(*pool.host.plugin<howdah_listen_v1>(HOWDAH_LISTEN_1)) {
        howdah_str reached{};
        status = table_.open(pool.host.self(), call.ctx(), toAbi(database), toAbi(channel), &number_, &reached);
        if (status < 0)
            error = call.error();
        else
            server = fromAbi(reached);
    }
    OpenListener(const OpenListener&) = delete;
    OpenListener& operator=(const OpenListener&) = delete;
    ~OpenListener() { close(); }

    // A payload, "(nothing)" at the deadline, or the error.
    std::string next(std::uint64_t within_ns = 20 * kSecond_ns) {
        howdah_str payload{};
        const auto told = table_.next(pool_.host.self(), call.ctx(), number_, monotonicNs() + within_ns, &payload);
        if (told < 0) return call.error().message;
        return told == 1 ? std::string(fromAbi(payload)) : "(nothing)";
    }
    // Of what is there already.
    std::string atHand() {
        howdah_str payload{};
        const auto told = table_.next(pool_.host.self(), call.ctx(), number_, 0, &payload);
        if (told < 0) return call.error().message;
        return told == 1 ? std::string(fromAbi(payload)) : "(nothing)";
    }
    howdah_status catchUp() {
        return table_.catch_up(pool_.host.self(), call.ctx(), number_, monotonicNs() + 20 * kSecond_ns);
    }
    void close() { table_.close(pool_.host.self(), number_); }

    FakeCall call;
    howdah_status status = HOWDAH_OK;
    Error error;
    std::string server;

private:
    PoolFixture& pool_;
    const howdah_listen_v1& table_;
    std::uint64_t number_ = 0;
};

void tell(const std::string& payload, const std::string& channel = "changes") {
    cluster().admin("notify " + channel + ", '" + payload + "'");
}

const std::string kAre = " from pg_stat_activity where query like '%pg_notify($1, $2)%' and pid <> pg_backend_pid()";
const std::string kListeners = "select count(*)" + kAre;

}  // namespace

TEST_CASE("listener: it hears what others tell on its channel, in their order, and not itself") {
    PoolFixture pool;
    OpenListener listener(pool);
    REQUIRE_MESSAGE(listener.status == HOWDAH_OK, listener.error.message);
    CHECK(listener.atHand() == "(nothing)");
    tell("one");
    tell("elsewhere", "another");
    tell("two");
    CHECK(listener.next() == "one");
    CHECK(listener.next() == "two");
    CHECK(listener.catchUp() == HOWDAH_OK);
    CHECK(listener.next(kSecond_ns / 100) == "(nothing)");
}

TEST_CASE("listener: once it has caught up, all that was committed before lies at hand") {
    PoolFixture pool;
    OpenListener listener(pool);
    REQUIRE(listener.status == HOWDAH_OK);
    for (int round = 0; round < 50; ++round) {
        const std::string payload = std::to_string(round);
        tell(payload);
        REQUIRE(listener.catchUp() == HOWDAH_OK);
        CHECK(listener.atHand() == payload);
        CHECK(listener.atHand() == "(nothing)");
    }
}

TEST_CASE("listener: it says which server it reached, as a statement of the pool does") {
    PoolFixture pool;
    OpenListener listener(pool);
    REQUIRE(listener.status == HOWDAH_OK);
    CHECK(listener.server ==
          pool.run({"select concat_ws(' ', oid, date_part('epoch', pg_postmaster_start_time())) from pg_database "
                    "where datname = current_database()"})
              .value());
}

TEST_CASE("listener: after its connection was ended it gives errors for good, and another one can be opened") {
    PoolFixture pool;
    OpenListener listener(pool);
    REQUIRE(listener.status == HOWDAH_OK);
    cluster().admin("select pg_terminate_backend(pid)" + kAre);
    CHECK(listener.next() == "the connection that listens to database main has ended; what was told since is lost");
    CHECK(listener.catchUp() == HOWDAH_ERROR_UNAVAILABLE);
    OpenListener another(pool);
    REQUIRE(another.status == HOWDAH_OK);
    tell("heard");
    CHECK(another.next() == "heard");
}

TEST_CASE("listener: closed, its connection goes; it takes none of those that are lent") {
    PoolFixture pool(R"({"connections_max":1,"connections_min":0})");
    {
        OpenListener listener(pool);
        REQUIRE(listener.status == HOWDAH_OK);
        CHECK(cluster().admin(kListeners) == "1");
        CHECK(pool.run({"select 1"}).value() == "1");
    }
    CHECK(comes([] { return cluster().admin(kListeners) == "0"; }));
}

TEST_CASE("listener: refused where another server might be read than is heard, or for a channel that is a statement") {
    PoolFixture several(
        "{}", cluster().dsn() + " host=" + cluster().socket().substr(0, cluster().socket().rfind('/')) + ",127.0.0.1");
    CHECK(OpenListener(several).status == HOWDAH_ERROR_REFUSED);
    PoolFixture pool;
    for (const char* channel : {"", "x; drop table t", "Upper", "1st", "\"quoted\""})
        CHECK(OpenListener(pool, channel).status == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(OpenListener(pool, std::string(63, 'a')).status == HOWDAH_OK);
    CHECK(OpenListener(pool, std::string(64, 'a')).status == HOWDAH_ERROR_INVALID_ARGUMENT);
    CHECK(OpenListener(pool, "changes", "none").status == HOWDAH_ERROR_NOT_FOUND);
}

TEST_CASE("listener: there are as many as may be, and not one more") {
    PoolFixture pool;
    std::vector<std::unique_ptr<OpenListener>> open;
    for (int i = 0; i < 32; ++i)
        open.push_back(std::make_unique<OpenListener>(pool));
    CHECK(std::all_of(open.begin(), open.end(), [](const auto& one) { return one->status == HOWDAH_OK; }));
    CHECK(OpenListener(pool).status == HOWDAH_ERROR_UNAVAILABLE);
    open.pop_back();
    CHECK(OpenListener(pool).status == HOWDAH_OK);
}
