// The kernel as a plugin sees it: the interface tables, fetched once, and one request's context.
//
// Threads: Host is read-only after create(). A Context is valid only inside the call that gave it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/abi/call.h>
#include <howdah/abi/plugin.h>
#include <howdah/abi/query.h>
#include <howdah/abi/runtime.h>
#include <howdah/abi/seal.h>
#include <howdah/result.hpp>

namespace howdah {

inline howdah_str toAbi(std::string_view text) {
    return {text.data(), text.size()};
}
inline std::string_view fromAbi(howdah_str text) {
    return {text.data, static_cast<std::size_t>(text.size)};
}

// Valid as long as the Error it was made from.
inline howdah_error toAbi(const Error& error) {
    howdah_error out{};
    out.struct_size = sizeof out;
    out.code = static_cast<std::int32_t>(error.code);
    out.message = toAbi(error.message);
    out.rule = toAbi(error.rule);
    out.hint = toAbi(error.hint);
    out.detail = toAbi(error.detail);
    out.sqlstate = toAbi(error.sqlstate);
    out.position = error.position;
    out.retry_after_ms = error.retry_after_ms;
    return out;
}

inline Error fromAbi(const howdah_error& error) {
    auto known = error.code <= HOWDAH_ERROR_INVALID_ARGUMENT && error.code >= HOWDAH_ERROR_INTERNAL;
    Error out{known ? static_cast<Code>(error.code) : Code::internal, std::string{fromAbi(error.message)}};
    out.rule = fromAbi(error.rule);
    out.hint = fromAbi(error.hint);
    out.detail = fromAbi(error.detail);
    out.sqlstate = fromAbi(error.sqlstate);
    out.position = error.position;
    out.retry_after_ms = error.retry_after_ms;
    return out;
}

enum class LogLevel : std::int32_t { debug = HOWDAH_LOG_DEBUG, info, warn, error };

class Host {
public:
    explicit Host(const howdah_host* raw)
        : raw_(raw),
          context_(table<howdah_context_v1>(HOWDAH_CONTEXT_1)),
          log_(table<howdah_log_v1>(HOWDAH_LOG_1)),
          services_(table<howdah_services_v1>(HOWDAH_SERVICES_1)),
          kernel_(table<howdah_kernel_v1>(HOWDAH_KERNEL_1)),
          rows_(table<howdah_rows_v1>(HOWDAH_ROWS_1)),
          query_(table<howdah_query_v1>(HOWDAH_QUERY_1)),
          call_(table<howdah_call_v1>(HOWDAH_CALL_1)),
          reactor_(table<howdah_reactor_v1>(HOWDAH_REACTOR_1)),
          offload_(table<howdah_offload_v1>(HOWDAH_OFFLOAD_1)),
          seal_(table<howdah_seal_v1>(HOWDAH_SEAL_1)),
          notify_(table<howdah_notify_v1>(HOWDAH_NOTIFY_1)) {}

    const howdah_host* raw() const { return raw_; }
    const howdah_context_v1& context() const { return *context_; }
    const howdah_services_v1& services() const { return *services_; }
    const howdah_kernel_v1& kernel() const { return *kernel_; }
    const howdah_rows_v1& rows() const { return *rows_; }
    const howdah_query_v1& query() const { return *query_; }
    const howdah_call_v1& call() const { return *call_; }
    const howdah_reactor_v1& reactor() const { return *reactor_; }
    const howdah_offload_v1& offload() const { return *offload_; }
    const howdah_seal_v1& seal() const { return *seal_; }

    template <typename... Parts>
    void log(LogLevel level, const Parts&... parts) const {
        std::string line = concat(parts...);
        log_->write(raw_, static_cast<std::int32_t>(level), toAbi(line));
    }

    // [any] Clients that subscribed to that resource are told that it changed.
    void resourceUpdated(std::string_view uri) const { notify_->resource_updated(raw_, toAbi(uri)); }
    void resourceListChanged() const { notify_->resource_list_changed(raw_); }

    std::uint64_t nowNs() const { return context_->now_ns(raw_); }

private:
    template <typename Table>
    const Table* table(const char* id) const {
        return static_cast<const Table*>(raw_->get_interface(raw_, id));
    }

    const howdah_host* raw_;
    const howdah_context_v1* context_;
    const howdah_log_v1* log_;
    const howdah_services_v1* services_;
    const howdah_kernel_v1* kernel_;
    const howdah_rows_v1* rows_;
    const howdah_query_v1* query_;
    const howdah_call_v1* call_;
    const howdah_reactor_v1* reactor_;
    const howdah_offload_v1* offload_;
    const howdah_seal_v1* seal_;
    const howdah_notify_v1* notify_;
};

class Context {
public:
    Context(const Host& host, howdah_ctx* raw) : host_(&host), raw_(raw) {}

    const Host& host() const { return *host_; }
    howdah_ctx* raw() const { return raw_; }

    // Hands the error over and returns its code, for the end of a C function.
    howdah_status fail(const Error& error) const {
        howdah_error abi = toAbi(error);
        return host_->context().fail(raw_, &abi);
    }

    // Why the last host call in this context failed.
    Error lastError() const {
        howdah_error abi{};
        abi.struct_size = sizeof abi;
        host_->context().last_error(raw_, &abi);
        return fromAbi(abi);
    }

    // The last host call's status as a Result.
    Result<void> check(howdah_status status) const {
        if (status >= 0) return {};
        return lastError();
    }

    // A text in the request's arena; data is null when the request's memory limit is reached.
    howdah_str keep(std::string_view text) const {
        if (text.empty()) return {"", 0};
        auto* place = static_cast<char*>(host_->context().alloc(raw_, text.size()));
        if (!place) return {nullptr, 0};
        std::char_traits<char>::copy(place, text.data(), text.size());
        return {place, text.size()};
    }

    // Success, cancelled or timeout; long loops ask it.
    Result<void> goOn() const {
        switch (host_->context().status(raw_)) {
            case HOWDAH_OK: return {};
            case HOWDAH_ERROR_TIMEOUT: return Error::timeout("the request's deadline has passed");
            default: return Error::cancelled("the request was cancelled");
        }
    }

    std::uint64_t deadlineNs() const { return host_->context().deadline_ns(raw_); }

    // A text that the client may keep and bring back: nobody can read or alter it, and only this plugin can open it,
    // for the same purpose and principal, within the time. Not after a restart of the server.
    Result<std::string_view> seal(std::string_view purpose, std::string_view text, std::uint64_t ttl_ms) const {
        howdah_str sealed{};
        if (host_->seal().seal(raw_, toAbi(purpose), toAbi(text), ttl_ms, &sealed) < 0) return lastError();
        return fromAbi(sealed);
    }
    Result<std::string_view> unseal(std::string_view purpose, std::string_view sealed) const {
        howdah_str text{};
        if (host_->seal().unseal(raw_, toAbi(purpose), toAbi(sealed), &text) < 0) return lastError();
        return fromAbi(text);
    }

private:
    const Host* host_;
    howdah_ctx* raw_;
};

}  // namespace howdah
