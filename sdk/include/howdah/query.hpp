// A query as a hook sees it. Reads are free; changes go through setters, which refuse what the hook's stage may not do
// and are kept only if the hook proceeds.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <howdah/abi/hooks.h>
#include <howdah/host.hpp>
#include <howdah/value.hpp>

namespace howdah {

class Query {
public:
    Query(const Host& host, howdah_ctx* ctx, howdah_query* raw) : context_(host, ctx), raw_(raw) {}

    std::string_view sql() const { return fromAbi(raw_->sql); }
    std::string_view database() const { return fromAbi(raw_->database); }
    std::string_view plugin() const { return fromAbi(raw_->plugin); }
    std::string_view tool() const { return fromAbi(raw_->tool); }
    bool readOnly() const { return raw_->access == HOWDAH_ACCESS_READ; }
    bool fromClient() const { return raw_->provenance == HOWDAH_PROVENANCE_CLIENT; }
    std::uint32_t depth() const { return raw_->depth; }
    std::span<const howdah_value> parameters() const { return {raw_->parameters, raw_->parameter_count}; }
    std::uint64_t requestId() const { return raw_->request_id; }
    std::uint64_t scopeHash() const { return raw_->scope_hash; }
    std::uint64_t rowsMax() const { return raw_->rows_max; }
    std::uint64_t rowsSkip() const { return has(offsetof(howdah_query, rows_skip)) ? raw_->rows_skip : 0; }
    // A dry run, or one of several parts of a stable result: not for a cache.
    std::uint32_t flags() const { return has(offsetof(howdah_query, flags)) ? raw_->flags : 0; }
    const howdah_principal& principal() const { return *raw_->principal; }
    const howdah_facts* facts() const { return raw_->facts; }

    // Tags travel with the query; any hook further in or out sees them.
    class Tags {
    public:
        explicit Tags(const Query& query) : query_(query) {}
        bool contains(std::string_view tag) const {
            return query_.table().has_tag(query_.context_.raw(), query_.raw_, toAbi(tag)) == 1;
        }
        Result<void> add(std::string_view tag) const {
            return query_.context_.check(query_.table().add_tag(query_.context_.raw(), query_.raw_, toAbi(tag)));
        }

    private:
        const Query& query_;
    };
    Tags tags() const { return Tags(*this); }

    Result<void> setSql(std::string_view sql) {  // stage rewrite
        return context_.check(table().set_sql(context_.raw(), raw_, toAbi(sql)));
    }
    Result<void> setParameters(const Values& values) {  // stage rewrite
        return context_.check(table().set_parameters(context_.raw(), raw_, toAbi(values), values.size()));
    }
    // May only lower; 0 leaves a limit as it is.
    Result<void> setLimits(std::uint64_t rows_max, std::uint64_t bytes_max, std::uint64_t timeout_ms) {
        return context_.check(table().set_limits(context_.raw(), raw_, rows_max, bytes_max, timeout_ms));
    }
    Result<void> setSetting(std::string_view name, std::string_view value) {  // stage scope
        return context_.check(table().set_setting(context_.raw(), raw_, toAbi(name), toAbi(value)));
    }
    Result<void> setDatabase(std::string_view name) {  // stage scope
        return context_.check(table().set_database(context_.raw(), raw_, toAbi(name)));
    }
    Result<void> setFacts(const howdah_facts& facts) {  // stage guard
        return context_.check(table().set_facts(context_.raw(), raw_, &facts));
    }

    const Context& context() const { return context_; }
    howdah_query* raw() const { return raw_; }

private:
    bool has(std::size_t offset) const { return raw_->struct_size > offset; }  // an older kernel gives less
    const howdah_query_v1& table() const { return context_.host().query(); }

    Context context_;
    howdah_query* raw_;
};

}  // namespace howdah
