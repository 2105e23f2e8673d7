#include "plugins/cache/recall.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "plugins/cache/key.hpp"

namespace howdah::cache {
namespace {

bool knowsRelations(const howdah_facts& facts) {
    return facts.struct_size >= offsetof(howdah_facts, schema_version) + sizeof facts.schema_version;
}

// As the guard has it: DDL, or a function that may do anything.
bool mayDefine(const howdah_facts& facts) {
    const bool runs_code = (facts.flags & HOWDAH_FACT_VOLATILE) && !(facts.flags & HOWDAH_FACT_REACH_KNOWN);
    return facts.kind == HOWDAH_STATEMENT_DDL || runs_code;
}

// The database has said so, and would again as long as rows and definitions stay: data it cannot compute with, names
// and types that do not fit. Not a lack of privileges, which are granted without a trace here.
bool wouldComeAgain(const Error& error) {
    if (error.code != Code::database || error.sqlstate == "42501") return false;
    return error.sqlstate.starts_with("21") || error.sqlstate.starts_with("22") || error.sqlstate.starts_with("42");
}

// PostgreSQL has rolled the write back, or never saw it. All else leaves it open: a lost connection, a deadline of
// ours, a server that is shut down, which may have been while it was committing.
bool isSettled(const Error& error) {
    const std::string& state = error.sqlstate;
    if (!state.empty()) return !state.starts_with("08") && !state.starts_with("57P") && state != "40003";
    return error.code == Code::invalid_argument || error.code == Code::not_found || error.code == Code::refused;
}

}  // namespace

Recall::Recall(const Host& host, const Config& config, Ledger& ledger, Databases& databases, Shelf* shelf,
               const Notices* notices, Peers* peers, Commons* commons)
    : host_(host),
      config_(config),
      ledger_(ledger),
      databases_(databases),
      shelf_(shelf),
      notices_(notices),
      peers_(peers),
      commons_(commons),
      memory_(ledger, config.l1, config.l2, host.reactor().shard_count(host.raw())),
      flights_(config.coalesce_ns),
      shards_(host.reactor().shard_count(host.raw())),
      counters_(shards_.size()) {}

std::size_t Recall::shardOf(const Query& query) const {
    return host_.reactor().shard(query.context().raw());
}

// --- on the way in

Verdict Recall::before(Query& query) {
    const std::size_t shard = shardOf(query);
    forget(query.raw(), shard);
    if (!query.readOnly()) return beforeWrite(query, shard);
    Counters& counters = counters_[shard];
    if (!mayBeKept(query, counters)) return Verdict::proceed();
    Database* database = databases_.find(query.database());
    if (!database || database->isOff()) return ++counters.switched_off, Verdict::proceed();
    if (database->oid() == 0) {
        database->ask(query.context());  // from the next read on it is remembered
        return ++counters.switched_off, Verdict::proceed();
    }
    const std::uint64_t now_ns = bootNs();
    if (peers_ && !peers_->mayServe(now_ns)) return ++counters.unleased, Verdict::proceed();
    std::string& key = shards_[shard].key;
    writeKey(*query.raw(), key);
    const std::uint64_t hash = hashOf(key, ledger_.seed());
    if (const Entry* entry = memory_.find(shard, hash, key, now_ns, counters))
        return give(shard, *entry, HOWDAH_FROM_MEMORY, now_ns);
    return miss(query, shard, *database, hash);
}

// What a query left whose end the kernel told nobody, as it does when a hook's proceed counted as a fault. Its address
// is this query's now, and this one's answer must not be taken for that one's.
void Recall::forget(const howdah_query* query, std::size_t shard) {
    Shard& own = shards_[shard];
    if (!own.readings.empty()) own.readings.erase(query);
    if (!own.writings.empty() && own.writings.erase(query) > 0) ++counters_[shard].writes_unsettled;
}

// After a wait: the request's time or the hook's is spent. Then the hook may count as failed whatever it answers, and
// nobody tells it the end of the query.
bool Recall::isOver(const Query& query) const {
    return query.context().deadlineNs() <= host_.nowNs();
}

bool Recall::mayBeKept(const Query& query, Counters& counters) const {
    if (query.flags() & (HOWDAH_RUN_DRY | HOWDAH_RUN_STABLE)) return ++counters.flagged, false;
    const howdah_facts* facts = query.facts();
    if (!facts || !knowsRelations(*facts) || !(facts->flags & HOWDAH_FACT_CACHEABLE) || facts->schema_version == 0 ||
        facts->relation_count > config_.relations_max || query.scopeHash() == 0)
        return ++counters.not_cacheable, false;
    if (namesAMoment(query.raw()->parameters, query.raw()->parameter_count)) return ++counters.moments, false;
    return true;
}

// The bytes stay the level's own until this shard looks again; the kernel copies them before.
Verdict Recall::give(std::size_t shard, const Entry& entry, std::uint32_t source, std::uint64_t now_ns) {
    Counters& counters = counters_[shard];
    if (entry.error()) return ++counters.hits_errors, Verdict::deny(*entry.error());
    counters.saved_ns += entry.trailer().elapsed_ns;
    ReplyData data{entry.columns(), entry.batches(), entry.trailer()};
    data.trailer.elapsed_ns = 0;  // no statement was sent
    data.trailer.source = source;
    data.trailer.age_ns = now_ns - entry.life().born_ns;
    return Verdict::reply(std::move(data));
}

Recall::Grounds Recall::groundsOf(std::uint32_t database) const {
    return {ledger_.footing(Ledger::slotOf(0, Ledger::kDefinitions)),
            ledger_.footing(Ledger::slotOf(database, Ledger::kDefinitions))};
}

std::vector<Footing> Recall::footingsOf(const Query& query, const Database& database) const {
    const howdah_facts& facts = *query.facts();
    std::vector<Footing> footings;
    footings.reserve(facts.relation_count + 2);
    footings.push_back(ledger_.footing(Ledger::slotOf(0, 0)));
    footings.push_back(ledger_.footing(Ledger::slotOf(database.oid(), 0)));
    for (std::uint64_t i = 0; i < facts.relation_count; ++i)
        footings.push_back(ledger_.footing(Ledger::slotOf(database.oid(), facts.relations[i])));
    return footings;
}

const Notices::Good* Recall::coverOf(const Query& query, const Database& database) const {
    if (!notices_ || !notices_->listensTo(database.name())) return nullptr;
    const howdah_facts& facts = *query.facts();
    return notices_->cover(database.name(), facts.relations, facts.relation_count);
}

// The epoch first: where the coverage goes after it was looked at, the epoch moves.
void Recall::cover(const Query& query, const Database& database, Reading& reading) const {
    const Footing listened = ledger_.footing(Ledger::slotOf(database.oid(), Ledger::kListened));
    reading.good_until_ns = coverOf(query, database);
    if (reading.good_until_ns) reading.footings.push_back(listened);
}

Entry::Life Recall::lifeOf(const Reading& reading) const {
    const std::uint64_t ttl_ns = reading.good_until_ns ? config_.notify.ttl_ns : config_.ttl_ns;
    return {reading.born_ns, reading.born_ns + ttl_ns, reading.good_until_ns};
}

bool Recall::isQuiet(const std::vector<Footing>& footings, std::uint64_t now_ns) const {
    return std::all_of(footings.begin(), footings.end(),
                       [&](const Footing& footing) { return ledger_.isQuiet(footing.slot, now_ns); });
}

Verdict Recall::miss(Query& query, std::size_t shard, const Database& database, std::uint64_t hash) {
    Counters& counters = counters_[shard];
    if (!isQuiet(footingsOf(query, database), bootNs()) || database.isDefinedElsewhere(bootNs()))
        return ++counters.written_meanwhile, Verdict::proceed();
    const SharedKey key(shards_[shard].key);  // another query may have the buffer while this one waits

    Flights::Ticket ticket;
    if (config_.coalesce_ns > 0) ticket = flights_.board(hash, key, host_.nowNs());
    bool waited = false;
    if (ticket.part == Flights::Part::follower) {
        const auto outcome = flights_.wait(query.context(), ticket.flight);
        waited = true;
        if (outcome.late) ++counters.waits_late;
        if (outcome.entry && holds(*outcome.entry, counters)) {
            ++counters.hits_shared;
            outcome.entry->noteUse();  // by two: worth a place on disk
            return give(shard, memory_.lend(shard, outcome.entry), HOWDAH_FROM_MEMORY, bootNs());
        }
        ticket.part = outcome.part;
    }
    auto reading = std::make_unique<Reading>(
        flights_, ticket.part == Flights::Part::leader ? std::move(ticket.flight) : nullptr, key, database);

    if (const EntryPtr kept = fromShelf(query, hash, key.bytes(), counters)) {
        ++counters.hits_l3;
        kept->noteUse();
        shelf_->take(memory_.store(shard, kept));
        reading->land(Flights::Landing::shared, kept);
        return give(shard, *kept, HOWDAH_FROM_DISK, bootNs());
    }
    if (const EntryPtr read = fromCommons(query, database, hash, key.bytes(), counters)) {
        ++counters.hits_commons;
        std::vector<EntryPtr> left = memory_.store(shard, read);
        if (shelf_) shelf_->take(std::move(left));
        reading->land(Flights::Landing::shared, read);
        return give(shard, *read, HOWDAH_FROM_SHARED, bootNs());
    }
    ++counters.misses;
    if ((waited || shelf_ || commons_) && isOver(query)) return Verdict::proceed();
    reading->hash = hash;
    reading->born_ns = bootNs();
    if (commons_) reading->position = peers_->position();  // before the epochs
    reading->footings = footingsOf(query, database);
    if (notices_) cover(query, database, *reading);
    // While it waited somebody else may have defined anew what the guard has judged it by. That is noted before the
    // epochs move.
    if (!isQuiet(reading->footings, reading->born_ns) || database.isDefinedElsewhere(bootNs())) {
        ++counters.written_meanwhile;
        reading->land(Flights::Landing::apart);
        return Verdict::proceed();
    }
    shards_[shard].readings[query.raw()] = std::move(reading);
    return Verdict::proceed();
}

EntryPtr Recall::fromShelf(const Query& query, std::uint64_t hash, std::string_view key, Counters& counters) {
    if (!shelf_) return nullptr;
    EntryPtr entry = shelf_->find(query.context(), hash, key);
    if (!entry) return nullptr;
    return holds(*entry, counters) ? entry : nullptr;
}

// What tables tell of is bounded by who listens, which nobody else has done for this instance.
EntryPtr Recall::fromCommons(const Query& query, const Database& database, std::uint64_t hash, std::string_view key,
                             Counters& counters) {
    if (!commons_ || isOver(query) || coverOf(query, database)) return nullptr;
    const std::vector<Footing> footings = footingsOf(query, database);
    if (!isQuiet(footings, bootNs())) return nullptr;
    EntryPtr entry = commons_->find(query.context(), hash, key, footings);
    if (!entry || database.isDefinedElsewhere(bootNs())) return nullptr;
    return holds(*entry, counters) ? entry : nullptr;
}

// Of an answer that was waited for: its age counts from before its read began, however long that took.
bool Recall::holds(const Entry& entry, Counters& counters) const {
    const std::uint64_t now_ns = bootNs();
    if (!entry.life().lasts(now_ns)) return ++counters.expired, false;
    if (peers_ && !peers_->mayServe(now_ns)) return ++counters.unleased, false;
    if (!ledger_.stands(entry.footings())) return ++counters.outdated, false;
    return true;
}

// All that the write can reach moves before it is sent and when its end is known. What it reaches is not always known,
// and then it is the database.
Verdict Recall::beforeWrite(Query& query, std::size_t shard) {
    Counters& counters = counters_[shard];
    ++counters.writes;
    Database* database = databases_.find(query.database());
    bool waited = false;
    if (database && database->oid() == 0) {
        database->ask(query.context());
        waited = true;
    }
    const std::uint32_t oid = database ? database->oid() : 0;
    const howdah_facts* facts = query.facts();
    const bool defines = facts && mayDefine(*facts);
    // Noted before it is asked for new definitions: one that comes in between is met by the one or the other.
    const Grounds grounds = groundsOf(oid);
    const bool named = oid != 0 && facts && knowsRelations(*facts) && (facts->flags & HOWDAH_FACT_REACH_KNOWN) &&
                       !defines && !database->isNewlyDefined(bootNs()) && !database->isDefinedElsewhere(bootNs());
    std::vector<std::uint32_t> slots;
    if (named) {
        for (std::uint64_t i = 0; i < facts->relation_count; ++i)
            slots.push_back(Ledger::slotOf(oid, facts->relations[i]));
    } else {
        ++counters.writes_of_databases;
        slots = {Ledger::slotOf(oid, 0), Ledger::slotOf(oid, Ledger::kDefinitions)};
    }
    auto writing = std::make_unique<Writing>(*this, oid, named ? Ledger::Reach::relations : Ledger::Reach::database,
                                             grounds, std::move(slots));
    writing->defines = defines;
    if (peers_) {
        waited = true;
        if (auto told = tellPeers(query, *writing); !told) {
            writing->settled = true;  // it will not be sent
            return Verdict::deny(std::move(told).error());
        }
    }
    if (waited && isOver(query)) {  // it may be sent all the same
        ++counters.writes_unsettled;
        return Verdict::proceed();
    }
    shards_[shard].writings[query.raw()] = std::move(writing);
    return Verdict::proceed();
}

Result<void> Recall::tellPeers(const Query& query, Writing& writing) {
    if ((query.flags() & HOWDAH_RUN_DRY) || writing.slots.empty()) return {};
    WriteMessage message;
    message.database = writing.database;
    message.slots = writing.slots;
    if (writing.reach == Ledger::Reach::database) message.flags |= WriteMessage::kWhole;
    if (writing.defines) message.flags |= WriteMessage::kDefines;
    auto announced = peers_->announce(query.context(), std::move(message));
    if (!announced) return std::move(announced).error();
    writing.announced = std::move(*announced);
    return {};
}

// Its own epochs move before the others may keep what it reached again; its answer goes out after both.
Result<void> Recall::endWrite(const Query& query, std::unique_ptr<Writing> writing, bool settled) {
    writing->settled = settled;
    const Peers::AnnouncedPtr announced = std::exchange(writing->announced, nullptr);
    const bool grown = writing->hasGrown();
    writing.reset();
    if (!announced) return {};
    auto heard = peers_->settle(query.context(), announced, settled, grown);
    peers_->finish(announced, settled);
    return heard;
}

// All rows of its database move, too, if its grounds have: what it reached is no longer what was known.
bool Recall::Writing::hasGrown() const {
    return reach == Ledger::Reach::relations && !recall.ledger_.stands(grounds);
}

Recall::Writing::~Writing() {
    Ledger& ledger = recall.ledger_;
    const std::uint64_t now_ns = bootNs();
    if (defines) recall.databases_.noteDefinition(database, now_ns);
    if (hasGrown()) {
        const std::uint32_t all[] = {Ledger::slotOf(database, 0)};
        ledger.beginWrite(all);
        ledger.endWrite(all, settled, now_ns);
    }
    ledger.endWrite(slots, settled, now_ns, reach);
    if (announced) recall.peers_->finish(announced, settled);  // nobody waited for its end
}

// --- on the way out

Verdict Recall::after(Query& query, const howdah_result& result) {
    const std::size_t shard = shardOf(query);
    if (auto writing = shards_[shard].writings.extract(query.raw())) {
        auto heard = endWrite(query, std::move(writing.mapped()), true);
        return heard ? Verdict::proceed() : Verdict::deny(std::move(heard).error());
    }
    if (auto reading = shards_[shard].readings.extract(query.raw())) landRead(shard, *reading.mapped(), result);
    return Verdict::proceed();
}

void Recall::landRead(std::size_t shard, Reading& reading, const howdah_result& result) {
    if (result.flags & HOWDAH_RESULT_STREAMED || sizeOf(result) > config_.entry_bytes_max) {
        ++counters_[shard].too_large;
        return reading.land(Flights::Landing::kept_by_nobody);
    }
    if (result.flags & HOWDAH_RESULT_REPLIED) return reading.land(Flights::Landing::apart);
    keep(shard, reading,
         Entry::ofResult(std::move(reading.key), reading.hash, lifeOf(reading), std::move(reading.footings), result));
}

void Recall::failed(Query& query, const Error& error) {
    const std::size_t shard = shardOf(query);
    if (auto writing = shards_[shard].writings.extract(query.raw())) {
        const bool settled = (query.flags() & HOWDAH_RUN_DRY) || isSettled(error);
        if (!settled) ++counters_[shard].writes_unsettled;
        (void)endWrite(query, std::move(writing.mapped()), settled);  // an error is told already
        return;
    }
    const auto found = shards_[shard].readings.extract(query.raw());
    if (!found) return;
    Reading& reading = *found.mapped();
    if (config_.negative_ttl_ns == 0 || !wouldComeAgain(error)) {
        ++counters_[shard].failed;
        return reading.land(Flights::Landing::failed);
    }
    Entry::Life life = lifeOf(reading);
    life.ends_ns = std::min(life.ends_ns, reading.born_ns + config_.negative_ttl_ns);
    keep(shard, reading,
         Entry::ofError(std::move(reading.key), reading.hash, life, std::move(reading.footings), error));
}

// What was written meanwhile may or may not be in it. A write from now on is met when the entry is looked up. One that
// took longer than it may be old is nobody else's answer.
void Recall::keep(std::size_t shard, Reading& reading, EntryPtr entry) {
    if (!entry->life().lasts(bootNs())) {
        ++counters_[shard].expired;
        return reading.land(Flights::Landing::apart);
    }
    if (!ledger_.stands(entry->footings()) || reading.database.isDefinedElsewhere(bootNs())) {
        ++counters_[shard].written_meanwhile;
        return reading.land(Flights::Landing::apart);
    }
    ++(entry->error() ? counters_[shard].stored_errors : counters_[shard].stored);
    std::vector<EntryPtr> left = memory_.store(shard, entry);
    if (reading.position) commons_->put(entry, std::move(*reading.position));
    reading.land(Flights::Landing::shared, std::move(entry));
    if (shelf_) shelf_->take(std::move(left));
}

}  // namespace howdah::cache
