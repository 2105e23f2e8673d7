#include "plugins/cache/invalidate.hpp"

#include <vector>

namespace howdah::cache {
namespace {

Result<const Database*> databaseOf(const ToolCall& call, const Databases& databases) {
    const std::string_view name = call.text("database");
    const Database* database = databases.find(name.empty() ? "main" : name);
    if (!database && name.empty() && databases.all().size() == 1) database = databases.all().front().get();
    if (database) return database;
    std::string names;
    for (const auto& known : databases.all())
        names += concat(names.empty() ? "" : ", ", known->name());
    if (name.empty()) return Error::invalidArgument("which database? configured: ", names);
    return Error::notFound("no database \"", name, "\"; configured: ", names);
}

// The slots a name stands for; a view has rows of more tables than are looked for here, so it is the whole database.
Result<std::vector<std::uint32_t>> slotsOf(ToolCall& call, const Database& database, std::string_view relation) {
    auto rows = call.query(kRelationStatement, {relation}, database.name());
    if (!rows) return std::move(rows).error();
    std::vector<std::uint32_t> slots;
    bool whole = false;
    for (;;) {
        auto more = rows->next();
        if (!more) return std::move(more).error();
        if (!*more) break;
        slots.push_back(Ledger::slotOf(database.oid(), static_cast<std::uint32_t>(rows->integer(0))));
        whole = whole || rows->boolean(1);
    }
    auto trailer = rows->trailer();
    if (!trailer) return std::move(trailer).error();
    whole = whole || trailer->truncated != 0;
    if (slots.empty())
        return Error::notFound("no relation \"", relation, "\" in database ", database.name())
            .withHint("name it as schema.table, or leave it out for the whole database");
    if (whole) return std::vector{Ledger::slotOf(database.oid(), 0)};
    return slots;
}

// As a write that has ended already.
Result<void> tellPeers(const Context& context, Peers* peers, std::uint32_t database, std::vector<std::uint32_t> slots) {
    if (!peers) return {};
    WriteMessage message;
    message.database = database;
    message.slots = std::move(slots);
    auto told = peers->announce(context, std::move(message));
    if (!told) return std::move(told).error();
    if (!*told) return {};
    auto heard = peers->settle(context, *told, true);
    peers->finish(*told, true);
    return heard;
}

}  // namespace

Result<void> invalidate(ToolCall& call, const Databases& databases, Ledger& ledger, Peers* peers) {
    if (call.principal().tenant.size > 0)
        return Error::refused("what is remembered is everybody's: a tenant cannot declare it out of date")
            .withHint("the operator can, or ttl_ms passes");
    auto found = databaseOf(call, databases);
    if (!found) return std::move(found).error();
    const Database& database = **found;
    const std::string_view relation = call.text("relation");
    Json answer{{"database", database.name()}};
    std::vector<std::uint32_t> slots;
    if (database.oid() == 0) {
        answer["invalidated"] = "everything";
        slots.push_back(Ledger::slotOf(0, 0));
    } else if (relation.empty()) {
        answer["invalidated"] = "database";
        slots.push_back(Ledger::slotOf(database.oid(), 0));
    } else {
        auto of_relation = slotsOf(call, database, relation);
        if (!of_relation) return std::move(of_relation).error();
        slots = std::move(*of_relation);
        answer["invalidated"] = "relation";
        answer["relation"] = relation;
    }
    for (const std::uint32_t slot : slots)
        ledger.move(slot);
    if (auto told = tellPeers(call.context(), peers, database.oid(), std::move(slots)); !told) return told;
    return call.reply(answer);
}

}  // namespace howdah::cache
