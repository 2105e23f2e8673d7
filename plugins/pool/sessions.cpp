#include "sessions.hpp"

#include <charconv>

#include "cursor.hpp"
#include "executor.hpp"

namespace howdah::pool {
namespace {

constexpr std::string_view kPrefix = "session-";  // no name of a stable cursor begins so
const Parameters kNone;

// The functions have no schema here, since an extension may be in any. The condition holds if those that are found are
// HypoPG's own, put there by a superuser, and not somebody's of the same name; it is looked at before they are called.
#define HOWDAH_HYPOPG_THERE                                                                                       \
    " (select coalesce(bool_and(d.refobjid is not null), false) from (values"                                     \
    " (pg_catalog.to_regprocedure('hypopg_create_index(text)')), (pg_catalog.to_regprocedure('hypopg_reset()'))," \
    " (pg_catalog.to_regprocedure('hypopg_relation_size(oid)'))) as f(id)"                                        \
    " left join (pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid"                     \
    " and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and e.extname = 'hypopg'"                 \
    " join pg_catalog.pg_roles r on r.oid = e.extowner and r.rolsuper) on d.objid = f.id::oid"                    \
    " and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e')"
const std::string kForget = "select hypopg_reset() where" HOWDAH_HYPOPG_THERE;
const std::string kSuppose =
    "select i.indexname, hypopg_relation_size(i.indexrelid)"
    " from pg_catalog.jsonb_array_elements_text($1::pg_catalog.jsonb) with ordinality as wanted(definition, n),"
    " lateral hypopg_create_index(wanted.definition) i where" HOWDAH_HYPOPG_THERE " order by wanted.n";
#undef HOWDAH_HYPOPG_THERE

std::string ownerOf(const howdah_principal* principal, std::string_view database) {
    const std::string_view subject = principal ? fromAbi(principal->subject) : "";
    const std::string_view tenant = principal ? fromAbi(principal->tenant) : "";
    return concat(subject.size(), ":", subject, tenant.size(), ":", tenant, database);
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
    return fromAbi(execution.cursor).starts_with(kPrefix);
}

Result<std::string> openSession(const Host& host, const Database& database, const howdah_principal* principal,
                                StableCursors& all) {
    auto place = all.reserve(database.name());
    if (!place) return std::move(place).error();
    StableCursor session;
    session.place = std::move(*place);
    session.belongs_to = ownerOf(principal, database.name());
    session.opened_ns = host.nowNs();
    std::string name = all.keep(std::move(session), concat(kPrefix, StableCursors::newName()));
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
    auto session = all.take(name, ownerOf(execution.principal, database->name()), 0);
    if (!session) return std::move(session).error();
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

bool Cursor::queueSupposed() {
    if (!session_ || !session_->kept.supposed) return true;
    const auto definitions = Parameters::ofTexts({*std::exchange(session_->kept.supposed, std::nullopt)});
    return queue(kForget, kNone, StepKind::quiet) && queue(kSuppose, definitions, StepKind::supposed);
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
