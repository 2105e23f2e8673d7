#include <algorithm>
#include <initializer_list>

#include <howdah/host.hpp>
#include <howdah/rows.hpp>

#include "kernel/pipeline/facts.hpp"
#include "kernel/pipeline/query_run.hpp"

namespace howdah::kernel {

// What hooks may change (howdah_query_v1's setters), and when it becomes real.

// --- what hooks may change

Result<void> QueryRun::mayChange(std::string_view what, std::initializer_list<Stage> stages) const {
    if (phase_ == Phase::before && slot_ && std::find(stages.begin(), stages.end(), slot_->stage) != stages.end())
        return {};
    if (!slot_) return Error::refused(what, " can be changed inside a hook only");
    return Error::refused(what, " cannot be changed in stage ", stageName(slot_->stage),
                          phase_ == Phase::before ? "" : " after the query has run");
}

Result<void> QueryRun::setSql(std::string_view text) {
    if (auto may = mayChange("the statement", {Stage::rewrite}); !may) return may;
    auto kept = keep(text);
    if (!kept) return std::move(kept).error();
    pending_.sql = *kept;
    pending_any_ = true;
    return {};
}

Result<void> QueryRun::setParameters(const howdah_value* values, std::uint64_t count) {
    if (auto may = mayChange("parameters", {Stage::rewrite}); !may) return may;
    auto kept = keepParameters(values, count);
    if (!kept) return std::move(kept).error();
    pending_.parameters = *kept;
    pending_.parameter_count = count;
    pending_.parameters_set = true;
    pending_any_ = true;
    return {};
}

Result<void> QueryRun::setLimits(std::uint64_t rows, std::uint64_t bytes, std::uint64_t milliseconds) {
    if (auto may = mayChange("limits", {Stage::admit, Stage::scope, Stage::rewrite}); !may) return may;
    pending_.rows_max = rows;
    pending_.bytes_max = bytes;
    pending_.timeout_ms = milliseconds;
    pending_any_ = true;
    return {};
}

Result<void> QueryRun::setSetting(std::string_view name, std::string_view value) {
    if (auto may = mayChange("settings", {Stage::scope}); !may) return may;
    auto kept_name = keep(name);
    if (!kept_name) return std::move(kept_name).error();
    auto kept_value = keep(value);
    if (!kept_value) return std::move(kept_value).error();
    pending_.settings.push_back({fromAbi(*kept_name), fromAbi(*kept_value)});
    pending_any_ = true;
    return {};
}

Result<void> QueryRun::setDatabase(std::string_view name) {
    if (auto may = mayChange("the database", {Stage::scope}); !may) return may;
    auto info = findDatabase(name);
    if (!info) return std::move(info).error();
    if (access == HOWDAH_ACCESS_WRITE && !(*info)->writable) {
        return Error::refused("database \"", name, "\" is read only and the statement writes");
    }
    if (auto may = mayReach(**info); !may) return may;
    pending_.database = toAbi((*info)->name);
    pending_any_ = true;
    return {};
}

Result<void> QueryRun::setFacts(const howdah_facts& found) {
    if (auto may = mayChange("facts", {Stage::guard}); !may) return may;
    pending_.facts = copyFacts(found, arena_);
    if (!pending_.facts) return outOfMemory();
    pending_any_ = true;
    return {};
}

Result<void> QueryRun::addTag(std::string_view tag) {
    auto kept = keep(tag);
    if (!kept) return std::move(kept).error();
    if (phase_ == Phase::before) {
        pending_.tags.push_back(fromAbi(*kept));
        pending_any_ = true;
    } else if (slot_ && slot_->mode == Mode::enforce) {
        tags_.push_back(fromAbi(*kept));
    }
    return {};
}

bool QueryRun::hasTag(std::string_view tag) const {
    return std::find(tags_.begin(), tags_.end(), tag) != tags_.end() ||
           std::find(pending_.tags.begin(), pending_.tags.end(), tag) != pending_.tags.end();
}

void QueryRun::commitPending() {
    auto lower = [](std::uint64_t& limit, std::uint64_t wanted) {
        if (wanted != 0 && (limit == 0 || wanted < limit)) limit = wanted;
    };
    if (pending_.sql) {
        sql = *pending_.sql;
        facts = nullptr;  // they were about another text
    }
    if (pending_.database) database = *pending_.database;
    if (pending_.parameters_set) {
        parameters = pending_.parameters;
        parameter_count = pending_.parameter_count;
    }
    lower(rows_max, pending_.rows_max);
    lower(bytes_max, pending_.bytes_max);
    lower(timeout_ms, pending_.timeout_ms);
    if (pending_.facts) facts = pending_.facts;
    settings_.insert(settings_.end(), pending_.settings.begin(), pending_.settings.end());
    tags_.insert(tags_.end(), pending_.tags.begin(), pending_.tags.end());
    dropPending();
}

void QueryRun::dropPending() {
    pending_ = Pending{};
    pending_any_ = false;
}

Result<void> QueryRun::setReply(const howdah_result& result) {
    if (!slot_) return Error::refused("a result can be replied inside a hook only");
    if (phase_ == Phase::before) {
        if (auto may = mayChange("the result", {Stage::recall}); !may) return may;
        if (flags & (HOWDAH_RUN_DRY | HOWDAH_RUN_STABLE))
            return Error::refused("a dry run, or a part of a stable result, is not replied to by a hook");
    }
    if (streaming_) return Error::refused("rows of this result are out already; it cannot be replaced");
    Held held;
    held.flags = HOWDAH_RESULT_REPLIED;
    held.trailer = wholeTrailer(result.trailer);
    held.trailer.bytes = 0;
    for (std::uint64_t i = 0; i < result.column_count; ++i) {
        auto name = keep(fromAbi(result.columns[i].name));
        if (!name) return std::move(name).error();
        held.columns.push_back({*name, result.columns[i].type_oid, result.columns[i].type_modifier});
    }
    for (std::uint64_t i = 0; i < result.batch_count; ++i) {
        const howdah_batch& batch = result.batches[i];
        std::string_view copy = arena_.copy({reinterpret_cast<const char*>(batch.bytes), batch.size});
        if (!copy.data()) return outOfMemory();
        held.batches.push_back({reinterpret_cast<const std::uint8_t*>(copy.data()), batch.size, batch.row_count});
        held.trailer.bytes += batch.size;
    }
    auto tag = keep(fromAbi(result.trailer.command_tag));
    if (!tag) return std::move(tag).error();
    held.trailer.command_tag = *tag;
    reply_ = std::move(held);
    hook_ctx_.used = true;
    return {};
}

void QueryRun::takeReply() {
    columns_ = std::move(reply_->columns);
    batches_ = std::move(reply_->batches);
    trailer_ = reply_->trailer;
    result_flags_ = reply_->flags;
    reply_.reset();
    next_batch_ = 0;
}

}  // namespace howdah::kernel
