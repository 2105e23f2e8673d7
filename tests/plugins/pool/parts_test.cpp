// The parts of the pool that need no server: time and results are passed in.
#include <cmath>

#include <doctest/doctest.h>

#include <howdah/value.hpp>

#include "plugins/pool/command.hpp"
#include "plugins/pool/commit_fate.hpp"
#include "plugins/pool/config.hpp"
#include "plugins/pool/dsn.hpp"
#include "plugins/pool/errors.hpp"
#include "plugins/pool/retry.hpp"
#include "plugins/pool/statement_cache.hpp"
#include "plugins/pool/statement_text.hpp"

namespace howdah::pool {

TEST_CASE("pool config: the defaults stand without a section, a value outside its range is named") {
    auto config = Config::parse(nlohmann::json::object());
    REQUIRE(config);
    CHECK(config->connections_max == 20);
    CHECK(config->queueLimit() == 80);
    CHECK(Config::parse({{"connections_max", 512}}));
    CHECK(Config::parse({{"connections_max", 513}}).error().message ==
          "pool.connections_max must be a whole number between 1 and 512, got 513");
    CHECK_FALSE(Config::parse({{"connections_max", 0}}));
    CHECK_FALSE(Config::parse({{"rows_max", "many"}}));
    CHECK(Config::parse({{"connections_max", 1}})->connections_min == 1);
    CHECK_FALSE(Config::parse({{"connections_max", 1}, {"connections_min", 2}}));
    CHECK_FALSE(Config::parse({{"pooler", "maybe"}}));
}

TEST_CASE("dsn: foreign parameters are left out and named, in both forms") {
    auto uri = Dsn::parse("postgresql://app:pw@db.example:6543/shop?pgbouncer=true&sslmode=require&connection_limit=1");
    REQUIRE(uri);
    CHECK(uri->stripped == std::vector<std::string>{"pgbouncer", "connection_limit"});
    CHECK(uri->value("sslmode") == "require");
    CHECK(uri->label == "db.example:6543/shop");
    CHECK(uri->transaction_pooler);
    CHECK(uri->value("application_name") == "howdah");

    auto keywords = Dsn::parse("host=db.example dbname=shop password='a b\\'c' pool_timeout = 3 user=app");
    REQUIRE(keywords);
    CHECK(keywords->stripped == std::vector<std::string>{"pool_timeout"});
    CHECK(keywords->value("password") == "a b'c");
    CHECK(keywords->value("user") == "app");
    CHECK_FALSE(keywords->transaction_pooler);
}

TEST_CASE("dsn: a misspelt parameter is an error, never an ignored sslmode") {
    auto result = Dsn::parse("postgres://db.example/shop?sslmod=require");
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "the connection string has a parameter that libpq does not know: sslmod");
}

TEST_CASE("dsn: a string whose password is not encoded is refused with the remedy, and no piece of it is shown") {
    for (std::string_view text : {
             "postgresql://app:secr%zz@db/shop",
             "postgresql://app:sec:ret@db:port:x/shop",
             "postgresql://app:top@secret@db/shop",
             "postgresql://app:pa/secret@db.example/shop",
             "postgresql://app:12/secret@db.example/shop",
             "postgresql://app:12/sec%40ret@db.example/shop",
             "postgresql://app:secret/x@db.example/shop",
             "postgresql://app:secret/x",
             "postgresql://app:pa?secret@host/db",
             "postgresql://app:pa?secret=x@host/db",
             "postgresql://app:12?secret=x/y@host/db",
             "postgresql://app:12/x?secret=x@host/db",
             "postgresql://app:12?sslmode=secret/y@host/db",
             "postgresql://app:12/x?sslmode=secret@host/db",
             "postgresql://app:12/x?connect_timeout=secret@host/db",
             "postgresql://app:secret@h1,app:secret@h2/shop",
             "postgresql://app:secret@h1:1,app:secret@h2:2/shop",
             "postgresql://host?user=app&password=top@secret",
             "postgresql://host/db?password=a&secret=b",
             "postgresql://host/db?pass%77ord=a&secret=b",
             "postgresql://app%3Asecret@host/db",
             "postgresql:///db?host=app:pa@secret",
             "postgresql:///db?port=secret",
             "POSTGRESQL://app:secret@db/shop?sslmode=require",
             "postgresql+psycopg2://app:secret@db/shop?sslmode=require",
             "jdbc:postgresql://db/shop?user=app&password=secret",
             "app:secret@db/shop",
             "host=db password=top secret",
             "host=db password=top secret=x",
             "host=db password='to'secret=x",
             "host=app:pa@secret",
             "dbname=postgresql://app:secret@db/shop",
             "dbname='host=db password=secret'",
         }) {
        CAPTURE(text);
        auto result = Dsn::parse(text);
        REQUIRE_FALSE(result);
        for (const std::string& shown : {result.error().message, result.error().hint, result.error().detail})
            CHECK(shown.find("sec") == std::string::npos);
        CHECK_FALSE(result.error().hint.empty());
    }
    auto slash = Dsn::parse("postgresql://app:pa/ss@db.example/shop");
    REQUIRE_FALSE(slash);
    CHECK(slash.error().hint.find("/ is %2F") != std::string::npos);
}

TEST_CASE("dsn: passwords written as they should be are taken, and the label holds none of them") {
    for (const auto& [text, password] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"postgresql://app:pa%2Fse%40c%3Fr%3At@db.example/shop", "pa/se@c?r:t"},
             {"postgresql://app:sec:ret@db.example/shop", "sec:ret"},
             {"postgresql://db.example/shop?user=app@tenant&password=sec@ret", "sec@ret"},
             {"postgresql://db.example/shop?pass%77ord=secret&user=app", "secret"},
             {"postgresql://app:secret@db.example?dbname=shop", "secret"},
             {"postgresql://app:secret@db.example/shop?application_name=me@work", "secret"},
             {"host=db.example dbname=shop password='se/c@r?et'", "se/c@r?et"},
         }) {
        CAPTURE(text);
        auto dsn = Dsn::parse(text);
        REQUIRE(dsn);
        CHECK(dsn->value("password") == password);
        CHECK(dsn->label == "db.example:5432/shop");
    }
    auto hosts = Dsn::parse("postgresql://app:secret@h1:5433,[::1]:5434/shop");
    REQUIRE(hosts);
    CHECK(hosts->label == "h1,::1:5433,5434/shop");
    CHECK(hosts->host_count == 2);
}

TEST_CASE("dsn: a host stays a name, which libpq looks up with each connection") {
    for (const char* text : {"postgresql://db.example:5433/shop", "host=db.example port=5433"}) {
        auto dsn = Dsn::parse(text);
        REQUIRE(dsn);
        CHECK(dsn->value("host") == "db.example");
        CHECK(dsn->value("hostaddr").empty());
    }
}

TEST_CASE("dsn: the pooler is what the configuration says, else what the dsn shows") {
    auto direct = Dsn::parse("postgresql://db/shop");
    auto pooled = Dsn::parse("postgresql://db:6543/shop");
    auto neon = Dsn::parse("postgresql://ep-cool-1-pooler.eu.example/shop");
    REQUIRE(direct);
    REQUIRE(pooled);
    REQUIRE(neon);
    CHECK(effectivePooler(Pooler::automatic, *direct) == Pooler::automatic);  // connecting shows
    CHECK(effectivePooler(Pooler::automatic, *pooled) == Pooler::transaction);
    CHECK(effectivePooler(Pooler::automatic, *neon) == Pooler::transaction);
    CHECK(effectivePooler(Pooler::session, *pooled) == Pooler::session);
}

TEST_CASE("retry: only what cannot have had an effect, three tries, inside the deadline") {
    RetryBudget budget(100);
    auto pauseOf = [&](Outcome outcome, std::uint32_t tries, std::uint64_t deadline = UINT64_MAX) {
        return pauseBeforeRetry({Error{}, outcome}, tries, 0, deadline, 1.0, budget);
    };
    CHECK(pauseOf(Outcome::not_sent, 1) == 100'000'000u);
    CHECK(pauseOf(Outcome::sent_read, 2) == 200'000'000u);
    CHECK(pauseOf(Outcome::rolled_back, 1).has_value());
    CHECK_FALSE(pauseOf(Outcome::sent_read, 3));
    CHECK_FALSE(pauseOf(Outcome::sent_write, 1));
    CHECK_FALSE(pauseOf(Outcome::commit_unknown, 1));
    CHECK_FALSE(pauseOf(Outcome::answered, 1));
    CHECK_FALSE(pauseOf(Outcome::not_sent, 1, 100'000'000));
    CHECK(pauseOf(Outcome::not_sent, 1, 100'000'001).has_value());
}

TEST_CASE("retry: a connection that had been ended is replaced at once, the first time") {
    RetryBudget budget(10);
    Failure failure{Error{}, Outcome::sent_read, true};
    CHECK(pauseBeforeRetry(failure, 1, 0, UINT64_MAX, 1.0, budget) == 0u);
    CHECK(pauseBeforeRetry(failure, 2, 0, UINT64_MAX, 1.0, budget) == 200'000'000u);
}

TEST_CASE("retry: a spent budget earns one retry with ten requests") {
    RetryBudget budget(2);
    CHECK(budget.take());
    CHECK(budget.take());
    CHECK_FALSE(budget.take());
    for (int i = 0; i < 9; ++i)
        budget.noteRequest();
    CHECK_FALSE(budget.take());
    budget.noteRequest();
    CHECK(budget.take());
}

TEST_CASE("statement cache: the least recently used goes first, names are never used twice") {
    StatementCache cache(2);
    cache.add("a", cache.newName());
    cache.add("b", cache.newName());
    REQUIRE(cache.find("a"));
    CHECK(cache.evictForOne() == "h2");
    cache.add("c", cache.newName());
    CHECK_FALSE(cache.find("b"));
    CHECK(*cache.find("a") == "h1");
    CHECK(*cache.find("c") == "h3");
    CHECK(cache.remove("a") == "h1");
    CHECK(cache.evictForOne().empty());
    cache.clear();
    CHECK(cache.entryCount() == 0);
    CHECK(cache.newName() == "h4");
}

TEST_CASE("statement text: only a wrappable body is bounded, on lines of its own") {
    howdah_facts facts{};
    facts.body_end = 8;
    CHECK(StatementText("select 1", &facts, 10).text() == "select 1");
    CHECK(StatementText("select 1", nullptr, 10).text() == "select 1");
    facts.flags = HOWDAH_FACT_WRAPPABLE;
    StatementText bounded("select 1 -- done", &facts, 10);
    CHECK(bounded.text() == "select * from (\nselect 1\n) q limit 11");
    facts.flags |= HOWDAH_FACT_UNLIMITED;
    CHECK(StatementText("select 1 -- done", &facts, 10).text() == "select 1\nlimit 11");
    CHECK(StatementText("select 1 -- done", &facts, 10, 7).text() ==
          "select * from (\nselect 1\n) q limit 11 offset 7");
    facts.body_end = 17;
    CHECK_FALSE(StatementText("select 1", &facts, 10).isBounded());  // a range outside the text is not believed
}

TEST_CASE("statement text: positions move back in characters, those outside the body do not escape it") {
    std::string sql = "/* \u00e9 */ select x";
    howdah_facts facts{};
    facts.body_begin = 9;
    facts.body_end = sql.size();
    for (std::uint32_t flags : {HOWDAH_FACT_WRAPPABLE, HOWDAH_FACT_WRAPPABLE | HOWDAH_FACT_UNLIMITED}) {
        facts.flags = flags;
        StatementText text(sql, &facts, 10);
        auto sent = static_cast<std::uint32_t>(text.text().find('x') + 1);
        CHECK(text.callersPosition(sent) == 16);
        CHECK(text.callersPosition(0) == 0);
        CHECK(text.callersPosition(3) == (flags & HOWDAH_FACT_UNLIMITED ? 11 : 0));
        CHECK(text.callersPosition(sent + 5) == 17);
    }
    CHECK(StatementText("select x", nullptr, 10).callersPosition(8) == 8);
}

TEST_CASE("statement text: a cursor is declared over the body, and positions are the caller's") {
    const std::string sql = "/* é */ select x ; -- end";
    howdah_facts facts{};
    facts.flags = HOWDAH_FACT_WRAPPABLE;
    facts.body_begin = 9;
    facts.body_end = 17;
    const StatementText text = StatementText::ofCursor(sql, &facts);
    CHECK(text.isBounded());
    CHECK(text.text() == "declare howdah_stable no scroll cursor for\nselect x");
    CHECK(text.callersPosition(static_cast<std::uint32_t>(text.text().find('x') + 1)) == 16);
    facts.flags = 0;
    CHECK_FALSE(StatementText::ofCursor(sql, &facts).isBounded());
}

TEST_CASE("commit fate: only what the same server says of that transaction counts") {
    const TransactionName transaction{"742", "00000001", "811.5"};
    using Kind = Fate::Kind;
    CHECK(fateFrom("committed", false, transaction, transaction)->kind == Kind::committed);
    CHECK(fateFrom("aborted", false, transaction, transaction)->kind == Kind::aborted);
    CHECK_FALSE(fateFrom("in progress", false, transaction, transaction));
    CHECK(fateFrom("", true, transaction, transaction)->reason == "the server has forgotten the transaction");
    const auto promoted = fateFrom("committed", false, {"742", "00000002", "811.5"}, transaction);
    CHECK(promoted->kind == Kind::unknown);
    CHECK(promoted->reason == "another server has taken over since");
}

TEST_CASE("commit fate: after a crash an id may be given out again, so committed is not believed, but aborted is") {
    const TransactionName transaction{"742", "00000001", "811.5"};
    const TransactionName crashed{"742", "00000001", "977.25"};
    using Kind = Fate::Kind;
    CHECK(fateFrom("committed", false, crashed, transaction)->kind == Kind::unknown);
    CHECK(fateFrom("aborted", false, crashed, transaction)->kind == Kind::aborted);
    CHECK(fateFrom("in progress", false, crashed, transaction)->kind == Kind::aborted);
}

TEST_CASE("parameters: PostgreSQL's text forms, and no NUL") {
    Values values{nullptr, true, -7, 0.1, 1e300, std::nan(""), "text", Value::json("[1]")};
    auto made = Parameters::from({toAbi(values), values.size()});
    REQUIRE(made);
    CHECK(made->values()[0] == nullptr);
    std::string all;
    for (int i = 1; i < made->count(); ++i)
        all += std::string(made->values()[i]) + " ";
    CHECK(all == "t -7 0.1 1e+300 NaN text [1] ");
    Values bad{std::string_view("a\0b", 3)};
    CHECK(Parameters::from({toAbi(bad), 1}).error().message ==
          "parameter $1 holds a NUL character, which PostgreSQL cannot store in text");
}

TEST_CASE("dsn: settings at the start are left out for a transaction pooler, other options stay") {
    auto dsn = Dsn::parse("host=db options='-c statement_timeout=5 --search_path=a\\\\ b endpoint=cool -cgeqo=off'");
    REQUIRE(dsn);
    dsn->dropStartupSettings();
    CHECK(dsn->value("options") == "endpoint=cool");
    CHECK(dsn->stripped == std::vector<std::string>{"options"});
    auto only = Dsn::parse("host=db options='-c geqo=off'");
    REQUIRE(only);
    only->dropStartupSettings();
    CHECK(only->value("options").empty());
    auto kept = Dsn::parse("host=db options='reference=abc'");
    REQUIRE(kept);
    kept->dropStartupSettings();
    CHECK(kept->value("options") == "reference=abc");
    CHECK(kept->stripped.empty());
}

TEST_CASE("dsn: a service is what messages name until it has been looked up") {
    auto dsn = Dsn::parse("service=shop user=app");
    REQUIRE(dsn);
    CHECK(dsn->label == "service shop");
}

TEST_CASE("errors: a refused password is lasting, a starting server is not, and the state is found in any language") {
    Dsn dsn;
    dsn.label = "h:1/d";
    auto failure = [&](std::string_view message) { return connectFailure("main", dsn, message); };
    auto refused = failure("connection failed: FATAL:  28P01: password authentication failed");
    CHECK(refused.how.lasting);
    CHECK(refused.error.code == Code::unavailable);
    CHECK(refused.error.message == "database main (h:1/d) refuses this user or password (28P01)");
    CHECK_FALSE(failure("FATAL:  57P03: the database system is starting up").how.lasting);
    CHECK_FALSE(failure("FATAL:  57P01: terminating connection due to administrator command").how.lasting);
    auto full = failure("FATAL:  53300: too many");
    CHECK_FALSE(full.how.lasting);
    CHECK(full.how.answered);  // connections there are go on
    CHECK_FALSE(failure("connection to server failed: Connection refused").how.answered);
    CHECK(connectTimeout("main", "h", 2000).how.silent);
    CHECK(failure("SCHWERWIEGEND:  3D000: gibt es nicht").error.message ==
          "database main (h:1/d) does not exist on that server (3D000)");
    dsn.parameters.emplace_back("target_session_attrs", "read-write");
    CHECK(failure("connection to server at \"a\", port 1 failed: session is read-only").error.message ==
          "database main (h:1/d) has no host that is what its dsn wants (target_session_attrs=read-write)");
    CHECK(failure("FATAL:  08P01: unsupported startup parameter: options").error.message.find("pooler") !=
          std::string::npos);
}

}  // namespace howdah::pool
