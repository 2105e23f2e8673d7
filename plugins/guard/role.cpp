#include "plugins/guard/role.hpp"

#include <array>
#include <string>
#include <utility>

#include "plugins/guard/registered.hpp"

namespace howdah::guard {
namespace {

std::string quotedName(std::string_view name) {
    std::string text = "\"";
    for (char c : name)
        text.append(c == '"' ? 2 : 1, c);
    return text + '"';
}

class Powers {
public:
    explicit Powers(const Rows& rows) : rows_(rows) {}

    std::string_view text(std::string_view name) const {
        for (std::size_t i = 0; i < rows_.columns().size(); ++i)
            if (fromAbi(rows_.columns()[i].name) == name) return rows_.text(i);
        return {};
    }
    bool has(std::string_view name) const { return text(name) == "t"; }

private:
    const Rows& rows_;
};

// What passes even a READ ONLY transaction that is rolled back, or undoes the role's limits.
std::string gravePowers(const Powers& powers) {
    std::string found;
    const auto add = [&](std::string_view power) { found += concat(found.empty() ? "" : ", ", power); };
    for (const char* right : {"superuser", "bypassrls", "createrole", "replication"})
        if (powers.has(right)) add(right);
    if (powers.has("superuser")) return found;  // and so all the others
    if (!powers.text("member_of").empty()) add(concat("member of ", powers.text("member_of")));
    if (!powers.text("untrusted_code").empty())
        add(concat("code of untrusted languages: ", powers.text("untrusted_code")));
    if (!powers.text("security_definer").empty())
        add(concat("routines that run as their owner: ", powers.text("security_definer")));
    return found;
}

// What the transaction stops, and what a least-privileged role would not have.
std::string needlessPowers(const Powers& powers) {
    std::string found;
    const auto add = [&](std::string_view what, std::string_view value) {
        found += concat(found.empty() ? "" : ", ", what, value);
    };
    for (const auto& [column, what] : {std::pair{"createdb", "createdb"}, std::pair{"temporary", "temporary tables"},
                                       std::pair{"create_schema", "new schemas"}})
        if (powers.has(column)) add(what, "");
    for (const auto& [column, what] :
         {std::pair{"create_in", "creates in "}, std::pair{"writes", "writes "}, std::pair{"sequences", "sequences "}})
        if (!powers.text(column).empty()) add(what, powers.text(column));
    return found;
}

// For psql, by a superuser or the owner of the schemas. What would be taken from PUBLIC others may need: it is left to
// the reader, as comments.
std::string properRole(const Powers& powers) {
    const std::string database = quotedName(powers.text("database"));
    const std::string_view schemas = powers.text("schemas").empty() ? "public" : powers.text("schemas");
    return concat(
        "create role howdah_reader login password '...' nosuperuser nobypassrls nocreatedb nocreaterole "
        "noreplication;\n"
        "           alter role howdah_reader set default_transaction_read_only = on;\n"
        "           grant connect on database ",
        database,
        " to howdah_reader;\n"
        "           grant usage on schema ",
        schemas,
        " to howdah_reader;\n"
        "           grant select on all tables in schema ",
        schemas,
        " to howdah_reader;\n"
        "           alter default privileges in schema ",
        schemas,
        " grant select on tables to howdah_reader;\n"
        "           -- what everybody may do, so this role too; take it away if nobody else needs it:\n"
        "           -- revoke temporary on database ",
        database,
        " from public;\n"
        "           -- revoke create on schema public from public;\n"
        "           -- revoke execute on all routines in schema ",
        schemas, " from public;");
}

}  // namespace

Result<SessionRole> SessionRole::ask(const Context& context, std::string_view database) {
    auto row = askForOne(context, database, kRoleStatement);
    if (!row) return std::move(row).error();
    return SessionRole{std::string(row->text(0)), row->boolean(1) || row->boolean(2)};
}

Error privilegedRole(std::string_view database, std::string_view role) {
    Error error =
        Error::refused("database ", database, " is restricted, but its role ", role,
                       " is a superuser or passes row security, which nothing behind the guard would stop")
            .withHint(concat("the operator can give it a role that only reads (`howdah doctor` prints the SQL), "
                             "or list ",
                             database, " under guard.privileged_roles_allowed"));
    error.rule = "role-privileged";
    return error;
}

Result<void> reportRole(const Context& context, std::string_view database, bool restricted, bool forced, Json& report) {
    auto row = askForOne(context, database, kPowersStatement);
    if (!row) return std::move(row).error();
    const Powers powers(*row);

    const std::string grave = gravePowers(powers), needless = needlessPowers(powers);
    const bool privileged = powers.has("superuser") || powers.has("bypassrls");
    Json check{{"name", concat(database, ": role")}};
    std::string text = concat("role ", powers.text("role"));
    if (!grave.empty())
        text += concat(restricted ? " could pass the transaction: " : " is more than a writer: ", grave);
    if (restricted && !needless.empty() && !powers.has("superuser"))
        text += concat(grave.empty() ? " has rights a reader does not need: " : "; needless: ", needless);
    if (restricted && !powers.text("reach").empty() && !powers.has("superuser"))
        text += concat("; extensions that reach further: ", powers.text("reach"));
    const bool clean = grave.empty() && (!restricted || needless.empty());
    if (clean) text += restricted ? " can only read" : " has no right beyond what it is granted";
    if (restricted && privileged && !forced) {
        text += "; statements of clients are refused";
        check["status"] = "fail";
    } else {
        check["status"] = clean ? "ok" : "warn";
    }
    check["text"] = std::move(text);
    if (check["status"] != "ok")
        check["remedy"] = restricted ? properRole(powers) : std::string("use a role with fewer rights");
    report["checks"].push_back(std::move(check));
    return {};
}

}  // namespace howdah::guard
