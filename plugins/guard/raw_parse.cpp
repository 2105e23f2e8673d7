#include "plugins/guard/raw_parse.hpp"

#include <cstdlib>
#include <string_view>

#include <pg_query.h>

// pg_query_internal.h, whose types are pointers to PostgreSQL's. The library's name carries the release that it is of.
// NOLINTBEGIN(readability-identifier-naming): libpg_query's names
extern "C" {
struct PgQueryInternalParsetreeAndError {
    void* tree;
    char* stderr_buffer;
    PgQueryError* error;
};
PgQueryInternalParsetreeAndError pg_query_raw_parse(const char* input);
void* pg_query_enter_memory_context();
void pg_query_exit_memory_context(void* context);
}
// NOLINTEND(readability-identifier-naming)

static_assert(PG_VERSION_NUM / 10000 == 15,
              "parse_nodes.inc is of PostgreSQL 15: run parse_nodes.sh with the new sources");

namespace howdah::guard {

RawParse::RawParse(const std::string& sql) : context_(pg_query_enter_memory_context()) {
    const PgQueryInternalParsetreeAndError parsed = pg_query_raw_parse(sql.c_str());
    parsed_ = {parsed.error ? nullptr : parsed.tree, parsed.stderr_buffer, parsed.error};
}

RawParse::~RawParse() {
    // The error and what was printed are not in the context; this frees them as the outer doors do.
    pg_query_free_parse_result({nullptr, parsed_.stderr_buffer, static_cast<PgQueryError*>(parsed_.error)});
    pg_query_exit_memory_context(context_);
}

RawParse::Failure RawParse::failure() const {
    const auto* error = static_cast<const PgQueryError*>(parsed_.error);
    return error ? Failure{error->message, error->cursorpos} : Failure{nullptr, 0};
}

Result<void> checkParser() {
    const RawParse parse("select a.b, f($7) from s.t x where y = 'z'");
    const NodeList statements = parse.statements();
    const NodeView select = statements[0].child(Field::stmt);
    const NodeList targets = select.list(Field::targetList);
    const NodeView column = targets[0].child(Field::val), call = targets[1].child(Field::val);
    const NodeView table = select.list(Field::fromClause)[0], filter = select.child(Field::whereClause);
    const auto text = [](const NodeView& string) { return string.text(Field::sval); };
    if (statements.size() == 1 && select.tag() == Tag::SelectStmt && targets.size() == 2 && column.location() == 7 &&
        text(column.list(Field::fields)[1]) == "b" && text(call.list(Field::funcname)[0]) == "f" &&
        call.list(Field::args)[0].number(Field::number) == 7 && table.text(Field::schemaname) == "s" &&
        table.text(Field::relname) == "t" && table.child(Field::alias).text(Field::aliasname) == "x" &&
        text(filter.list(Field::name)[0]) == "=" && text(filter.child(Field::rexpr).child(Field::val)) == "z")
        return {};
    return Error::internal(
        "the loaded libpg_query lays out its tree differently; the guard is built for libpg_query 15");
}

}  // namespace howdah::guard
