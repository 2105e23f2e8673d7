#include "plugins/analytics/pattern.hpp"

#include <doctest/doctest.h>

#include "plugins/analytics/names.hpp"

namespace howdah::analytics {

TEST_CASE("analytics: whatever a parser leaves of constants and comments is not kept") {
    struct Case {
        const char* sql;
        const char* kept;
    };
    for (const Case& row : {
             Case{"select a from t where b = $1", "select a from t where b = $1"},
             Case{"  select\n\ta ,b\r\n from t ; ", "select a ,b from t"},
             Case{"select 1 -- of ada@example.com\nfrom t", "select ? from t"},
             Case{"select /* ada /* nested */ 4711 */ a", "select a"},
             Case{"comment on table t is 'it''s Ada'", "comment on table t is ?"},
             Case{"select E'it\\'s Ada', b'1', X'ff', n'x', U&'\\0041' from t", "select ?, ?, ?, ?, ? from t"},
             Case{"do $body$ begin 'x' $$ end $body$ language plpgsql", "do ? language plpgsql"},
             Case{"select $$Ada$$, $1, $23", "select ?, $1, $23"},
             Case{"select 1.5e-7, .5, 0xff, 1_000 + a1, \"col 7\"\"x\"", "select ?, ?, ?, ? + a1, \"col 7\"\"x\""},
             Case{"alter role ada password 'secret' valid until '2030-01-01'",
                  "alter role ada password ? valid until ?"},
             Case{"select a$1 from b$x$", "select a$1 from b$x$"},
             Case{"select a-1, b - -2", "select a-?, b - -?"},
             // Cut off: nothing of what follows is taken for text that may be kept.
             Case{"select 'Ada", "select ?"},
             Case{"select $x$Ada", "select ?"},
             Case{"select /* Ada", "select"},
             Case{"select E'Ada\\", "select ?"},
             Case{"", ""},
         }) {
        CAPTURE(row.sql);
        CHECK(withoutConstants(row.sql) == row.kept);
    }
}

TEST_CASE("analytics: a long pattern is cut between characters and says so") {
    const PatternPtr exact = statementPattern(7, "select a", 8);
    CHECK(exact->text == "select a");
    const PatternPtr cut = statementPattern(7, "select \xc3\xa4\xc3\xb6", 10);
    CHECK(cut->text == "select \xc3\xa4...");
}

TEST_CASE("analytics: rules, plugins' texts and statements are told apart") {
    CHECK(refusedPattern("read_only")->kind == PatternKind::refused);
    CHECK(refusedPattern("read_only")->fingerprint == refusedPattern("read_only")->fingerprint);
    CHECK(refusedPattern("read_only")->fingerprint != refusedPattern("rate_limit")->fingerprint);
    CHECK(pluginPattern("select 'own constant'", 100)->text == "select 'own constant'");
}

TEST_CASE("analytics: names from outside are bounded, harmless and still told apart") {
    CHECK(bounded("claude-ai") == "claude-ai");
    CHECK(bounded("caf\xc3\xa9") == "caf\xc3\xa9");
    CHECK(isPlain(std::string(kNameBytesMax, 'a')));
    CHECK_FALSE(isPlain(std::string(kNameBytesMax + 1, 'a')));
    const std::string shorter = bounded(std::string(1000, 'a')), longer = bounded(std::string(1001, 'a'));
    CHECK(shorter.size() <= kNameBytesMax);
    CHECK(shorter != longer);
    CHECK(bounded(kOthers) != kOthers);  // nobody names himself so
    CHECK(bounded("a\nb").find('\n') == std::string::npos);
    CHECK(bounded("a\nb") != bounded("a\rb"));
    CHECK(bounded("\xff\xfe").starts_with("??"));
    const std::string once = bounded(std::string(1000, 'a'));
    CHECK(bounded(once) == once);  // as it comes back from a file
}

}  // namespace howdah::analytics
