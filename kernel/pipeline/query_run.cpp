#include "kernel/pipeline/query_run.hpp"

#include <cstddef>

#include <howdah/host.hpp>

#include "kernel/base/nearest.hpp"
#include "kernel/host/instance.hpp"
#include "kernel/pipeline/call_run.hpp"

namespace howdah::kernel {
namespace {

constexpr std::size_t kArenaBytes = 32 * 1024 * 1024;  // what one query may hold in memory

}  // namespace

QueryRun::QueryRun(howdah_ctx& caller, GenerationPin generation)
    : howdah_query{},
      request_(*caller.request),
      generation_(std::move(generation)),
      origin_(*caller.instance),
      in_hook_(caller.in_hook),
      outer_(caller.query),
      call_(caller.call),
      arena_(kArenaBytes),
      hook_ctx_(caller.instance, *caller.request) {
    struct_size = sizeof(howdah_query);
    hook_ctx_.in_hook = true;
    hook_ctx_.query = this;
    hook_ctx_.call = caller.call;
    hook_ctx_.deadline = caller.waitDeadline();  // inside a hook: what is left of its budget
}

QueryRun::~QueryRun() {
    if (streaming_ && !finished_) {
        // The tool stopped reading. The hooks that let the query through are told, and nobody waits for the answer.
        (void)finishStream(Error::cancelled("the tool stopped reading before the end of the result"));
    }
    closeCursor();
}

Result<void> QueryRun::run(const howdah_query_request& query) {
    if (auto admitted = admit(query); !admitted) return admitted;
    switch (before()) {
        case Forward::execute:
            if (auto done = execute(); !done) {
                error_ = std::move(done).error();
                closeCursor();  // a hook may recover with a result, and that must not hold a connection
            }
            break;
        case Forward::replied: takeReply(); break;
        case Forward::failed: break;
    }
    if (streaming_ && !error_) return {};
    back();
    finished_ = true;
    if (error_) return *error_;
    return {};
}

// --- the query as it comes in

Result<howdah_str> QueryRun::keep(std::string_view text) {
    std::string_view copy = arena_.copy(text);
    if (!copy.data()) return outOfMemory();
    return toAbi(copy);
}

Result<const howdah_value*> QueryRun::keepParameters(const howdah_value* values, std::uint64_t count) {
    if (count == 0) return static_cast<const howdah_value*>(nullptr);
    auto* copies = static_cast<howdah_value*>(arena_.allocate(count * sizeof(howdah_value)));
    if (!copies) return outOfMemory();
    for (std::uint64_t i = 0; i < count; ++i) {
        copies[i] = values[i];
        if (values[i].type == HOWDAH_VALUE_TEXT || values[i].type == HOWDAH_VALUE_JSON) {
            auto kept = keep(fromAbi(values[i].text));
            if (!kept) return std::move(kept).error();
            copies[i].text = *kept;
        }
    }
    return static_cast<const howdah_value*>(copies);
}

Result<const DatabaseInfo*> QueryRun::findDatabase(std::string_view name) const {
    const auto& databases = generation_->databases;
    if (databases.empty()) {
        return Error::unavailable("no database is configured; set DATABASE_URL or write databases: in howdah.yaml");
    }
    if (name.empty()) {
        for (const DatabaseInfo& info : databases) {
            if (info.name == "main") return &info;
        }
        return &databases.front();
    }
    std::vector<std::string_view> names;
    for (const DatabaseInfo& info : databases) {
        if (info.name == name) return &info;
        names.push_back(info.name);
    }
    std::string known;
    for (std::string_view other : names)
        known += concat(known.empty() ? "" : ", ", other);
    return Error::notFound("no database \"", name, "\"", didYouMean(name, names), "; configured: ", known);
}

// Text of clients reaches no closed database, whoever sends it there; what plugins registered was judged once.
Result<void> QueryRun::mayReach(const DatabaseInfo& info) const {
    if (provenance != HOWDAH_PROVENANCE_CLIENT || info.closed.empty()) return {};
    return Error::unavailable("queries to database \"", info.name, "\" are refused: ", info.closed)
        .withHint(concat("the operator can list such a plugin under plugins:, or write databases.", info.name,
                         ".allow_unguarded: true to let them through unjudged"));
}

Result<void> QueryRun::admit(const howdah_query_request& query) {
    // A hook around a call, or of a connection, has no query outside its own.
    depth = outer_ ? outer_->depth + 1 : in_hook_ ? 1 : 0;
    if (depth > kDepthMax) {
        return Error::refused("queries inside hooks are nested deeper than ", kDepthMax, " levels");
    }
    if (!generation_->closed.empty()) {
        return Error::unavailable("queries are refused: ", generation_->closed)
            .withHint("the operator sees more with `howdah plugin list`");
    }
    if (request_.client_asked) return Error::cancelled(kClientIsAsked);
    auto info = findDatabase(fromAbi(query.database));
    if (!info) return std::move(info).error();

    access = query.access;
    provenance = query.provenance;
    std::string_view text = fromAbi(query.sql);
    if (access != HOWDAH_ACCESS_READ && access != HOWDAH_ACCESS_WRITE) {
        return Error::invalidArgument("access must be 1 (read) or 2 (write), got ", access);
    }
    if (access == HOWDAH_ACCESS_READ && !origin_.manifest().permits("db.read")) {
        return Error::refused("plugin \"", origin_.id(), "\" has no permission db.read");
    }
    if (access == HOWDAH_ACCESS_WRITE) {
        if (!origin_.manifest().permits("db.write")) {
            return Error::refused("plugin \"", origin_.id(), "\" has no permission db.write");
        }
        if (!(*info)->writable) {
            return Error::refused("database \"", (*info)->name, "\" is configured as restricted: it is read only")
                .withHint("the operator can set databases." + (*info)->name + ".access to read_write");
        }
    }
    if (provenance == HOWDAH_PROVENANCE_PLUGIN) {
        const Instance::Registered* registered = origin_.statement(text);
        if (!registered || registered->access != access) {
            return Error::internal("plugin \"", origin_.id(), "\" runs a text as its own that it did not register");
        }
        auto judged = generation_->facts.find(registered);
        facts = judged == generation_->facts.end() ? nullptr : judged->second->view();
    } else if (provenance != HOWDAH_PROVENANCE_CLIENT) {
        return Error::invalidArgument("provenance must be 1 (client) or 2 (plugin), got ", provenance);
    } else if (auto stage = origin_.manifest().stage; in_hook_ && (stage == Stage::scope || stage == Stage::guard)) {
        return Error::refused("a hook of stage ", stageName(*stage), " may run registered text only");
    }

    if (auto may = mayReach(**info); !may) return may;

    auto kept_text = keep(text);
    if (!kept_text) return std::move(kept_text).error();
    sql = *kept_text;
    auto kept_parameters = keepParameters(query.parameters, query.parameter_count);
    if (!kept_parameters) return std::move(kept_parameters).error();
    parameters = *kept_parameters;
    parameter_count = query.parameter_count;
    database = toAbi((*info)->name);
    plugin = toAbi(origin_.id());
    tool = call_ && call_->kind == HOWDAH_CALL_TOOL ? call_->name : howdah_str{"", 0};
    request_id = request_.id;
    rows_max = query.rows_max;
    bytes_max = query.bytes_max;
    timeout_ms = query.timeout_ms;
    // Members that the plugin was built before: none.
    if (query.struct_size > offsetof(howdah_query_request, rows_skip)) rows_skip = query.rows_skip;
    if (query.struct_size > offsetof(howdah_query_request, cursor)) {
        flags = query.flags;
        affected_max_ = query.affected_max;
        auto cursor = keep(fromAbi(query.cursor));
        if (!cursor) return std::move(cursor).error();
        stable_cursor_ = *cursor;
    }
    principal = request_.principalView();
    return {};
}

}  // namespace howdah::kernel
