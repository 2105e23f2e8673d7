#include "sessions.hpp"

#include <charconv>

#include "cursor.hpp"
#include "executor.hpp"

namespace howdah::pool {
namespace {

constexpr std::string_view kCursorPrefix = "session-";  // no name of a stable cursor begins so

// Where HypoPG's functions are: an extension may be in any schema, and one of them found by the search_path may be
// somebody's of the same name. Nothing where an extension of that name is not a superuser's, or they are not its own.
// The question itself is asked with a search_path of the server's own, so that no operator in it is somebody's either.
const std::string kOwnPath = "select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)";
const std::string kWhereHypopg =
    "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
    " join pg_roles r on r.oid = e.extowner and r.rolsuper where e.extname = 'hypopg'"
    " and (select count(*) from pg_depend d where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid"
    " and d.classid = 'pg_proc'::regclass and d.deptype = 'e' and d.objid in ("
    "to_regprocedure(format('%I.hypopg_create_index(text)', n.nspname)),"
    " to_regprocedure(format('%I.hypopg_reset()', n.nspname)),"
    " to_regprocedure(format('%I.hypopg_relation_size(oid)', n.nspname)))) = 3";

// The same with the search_path of the statement, by which the definitions of indexes are read.
std::string forgetIn(const std::string& schema) {
    return concat("select ", schema, ".hypopg_reset()");
}
std::string supposeIn(const std::string& schema) {
    return concat("select i.indexname, ", schema,
                  ".hypopg_relation_size(i.indexrelid)"
                  " from pg_catalog.jsonb_array_elements_text($1::pg_catalog.jsonb)"
                  " with ordinality as wanted(definition, n), lateral ",
                  schema, ".hypopg_create_index(wanted.definition) i order by wanted.n");
}

std::string ownerOf(const howdah_principal* principal) {
    const std::string_view subject = principal ? fromAbi(principal->subject) : "";
    const std::string_view tenant = principal ? fromAbi(principal->tenant) : "";
    return concat(subject.size(), ":", subject, tenant.size(), ":", tenant);
}

// The database is the one the first statement goes to when its hooks have had their say: scope may send a tenant's
// elsewhere. From then on it stays there.
Result<void> bind(StableCursor& session, const std::string& database, StableCursors& all) {
    if (session.place.database() == database) return {};
    if (session.lease) {
        return Error::refused("a session of database ", session.place.database(), " runs no statement in database ",
                              database, ": it has been ended");
    }
    auto place = all.reserve(database);
    if (!place) return std::move(place).error();
    session.place = std::move(*place);
    return {};
}

// On a connection that nobody else will have, whatever becomes of it: what statements leave in the backend stays there.
std::optional<Error> connect(const Context& context, const std::shared_ptr<Database>& database,
                             const howdah_execution& execution, Lease& lease) {
    auto leased = database->lease(context, Care::once, callerOf(execution));
    if (auto* failure = std::get_if<Failure>(&leased)) return std::move(failure->error);
    lease = std::move(std::get<Lease>(leased));
    if (!lease->ownsSession()) {
        lease.giveBack();
        return Error::refused("database ", database->name(),
                              " is behind a transaction pooler: no connection is kept for several statements");
    }
    lease->condemn();
    return std::nullopt;
}

}  // namespace

bool isSession(const howdah_execution& execution) {
    return fromAbi(execution.cursor).starts_with(kCursorPrefix);
}

Result<std::string> openSession(const Host& host, const Database& database, const howdah_principal* principal,
                                StableCursors& all) {
    auto place = all.reserve(database.name());
    if (!place) return std::move(place).error();
    StableCursor session;
    session.place = std::move(*place);
    session.belongs_to = ownerOf(principal);
    session.opened_ns = host.nowNs();
    std::string name = all.keep(std::move(session), concat(kCursorPrefix, randomHex()));
    if (name.empty()) return Error::unavailable("the plugin pool is being replaced or stopped");
    return name;
}

Result<std::unique_ptr<Cursor>> executeInSession(const Context& context, const std::shared_ptr<Database>& database,
                                                 const howdah_execution& execution, StableCursors& all) {
    howdah_execution plain = execution;  // the statement itself, and not a cursor over it
    plain.flags &= ~HOWDAH_RUN_STABLE;
    auto made = Command::from(plain, database->config(), untilDeadline(context));
    if (!made) return std::move(made).error();
    std::string name(fromAbi(execution.cursor));
    auto session = all.take(name, ownerOf(execution.principal), 0);
    if (!session) return std::move(session).error();
    if (auto bound = bind(*session, database->name(), all); !bound) return std::move(bound).error();
    Lease lease = std::move(session->lease);
    if (!lease) {
        if (auto error = connect(context, database, execution, lease)) return std::move(*error);
    } else if (!lease->attach(context) || !lease->looksAlive()) {
        return Error::notFound("the session was ended by the server or on the way to it");
    }
    auto run = std::make_unique<Cursor>(database, std::make_shared<const Command>(std::move(*made)), std::move(lease));
    run->returnTo({std::move(*session), std::move(name)});
    if (auto failure = run->begin(context)) return std::move(failure->error);
    return run;
}

// Asked once, in a round trip before the session's first statement that plans with hypothetical indexes.
bool Cursor::needsHypopg() const {
    return session_ && session_->kept.supposed && session_->kept.hypopg_schema.empty();
}

bool Cursor::queueHypopg() {
    return queue(kBeginRead, kNone, StepKind::quiet) && queueSettings() && queue(kOwnPath, kNone, StepKind::quiet) &&
           queue(kWhereHypopg, kNone, StepKind::hypopg) && queue(kRollback, kNone, StepKind::quiet) && queueSync();
}

void Cursor::keepHypopg(const PGresult* result) {
    if (PQntuples(result) == 1) session_->kept.hypopg_schema = PQgetvalue(result, 0, 0);
}

// As the server would say it, had it been asked for the function. What was to be supposed is forgotten.
Error Cursor::withoutHypopg() {
    session_->kept.supposed.reset();
    return Error::database("42883", "hypopg_create_index is not there: no extension hypopg that a superuser made");
}

bool Cursor::queueSupposed() {
    if (!session_ || !session_->kept.supposed) return true;
    const std::string& schema = session_->kept.hypopg_schema;
    const auto definitions = Parameters::ofTexts({*std::exchange(session_->kept.supposed, std::nullopt)});
    return queue(forgetIn(schema), kNone, StepKind::quiet) && queue(supposeIn(schema), definitions, StepKind::supposed);
}

void Cursor::keepSupposed(const PGresult* result) {
    auto supposed = nlohmann::json::array();
    for (int row = 0; row < PQntuples(result); ++row) {
        std::int64_t bytes = 0;
        const std::string_view digits = PQgetvalue(result, row, 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
        supposed.push_back({{"name", PQgetvalue(result, row, 0)}, {"bytes", bytes}});
    }
    report_["supposed"] = std::move(supposed);
}

// The connection is idle.
void Cursor::release() {
    if (!session_) return lease_.giveBack();
    Session session = std::move(*session_);
    session_.reset();
    StableCursors& all = *session.kept.place.operator->();
    session.kept.lease = std::move(lease_);
    all.keep(std::move(session.kept), std::move(session.name));
}

}  // namespace howdah::pool
