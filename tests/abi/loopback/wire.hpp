// The structs of the ABI as bytes: put() on the side that has one, get() on the side that needs it, in memory of a
// Room. members() names what a struct is made of, once for both directions. Opaque pointers never travel: what they
// name goes as a number (link.hpp).
#pragma once

#include <concepts>
#include <tuple>

#include <howdah/abi/auth.h>
#include <howdah/abi/hooks.h>
#include <howdah/abi/listen.h>
#include <howdah/abi/session.h>
#include <howdah/abi/sql.h>
#include <howdah/abi/transport.h>

#include "tests/abi/loopback/bytes.hpp"

namespace howdah::loopback {

// T is Struct or const Struct.
template <typename T, typename Struct>
concept Like = std::same_as<std::remove_const_t<T>, Struct>;

void members(auto& visit, Like<howdah_error> auto& it) {
    visit.plain(it.struct_size, it.code, it.message, it.rule, it.hint, it.detail, it.sqlstate, it.position, it.reserved,
                it.retry_after_ms);
}
void members(auto& visit, Like<howdah_value> auto& it) {
    visit.plain(it.type, it.type_oid, it.integer, it.number, it.text);
}
void members(auto& visit, Like<howdah_principal> auto& it) {
    visit.plain(it.struct_size, it.reserved, it.subject, it.tenant, it.tier);
    visit.array(it.scopes, it.scope_count);
}
void members(auto& visit, Like<howdah_column> auto& it) {
    visit.plain(it.name, it.type_oid, it.type_modifier);
}
void members(auto& visit, Like<howdah_trailer> auto& it) {
    visit.plain(it.struct_size, it.truncated, it.row_count, it.affected_rows, it.elapsed_ns, it.command_tag, it.source,
                it.reserved, it.age_ns, it.bytes);
}
void members(auto& visit, Like<howdah_name> auto& it) {
    visit.plain(it.schema, it.name);
}
void members(auto& visit, Like<howdah_facts> auto& it) {
    visit.plain(it.struct_size, it.kind, it.flags, it.parameter_count, it.body_begin, it.body_end, it.fingerprint);
    visit.array(it.tables, it.table_count);
    visit.array(it.functions, it.function_count);
    visit.array(it.relations, it.relation_count);
    visit.plain(it.schema_version);
}
void members(auto& visit, Like<howdah_pattern> auto& it) {
    visit.plain(it.struct_size, it.reserved, it.fingerprint, it.text);
}
void members(auto& visit, Like<howdah_query> auto& it) {
    visit.plain(it.struct_size, it.access, it.provenance, it.depth, it.sql, it.database, it.plugin, it.tool);
    visit.array(it.parameters, it.parameter_count);
    visit.plain(it.request_id, it.scope_hash, it.rows_max, it.bytes_max, it.timeout_ms);
    visit.optional(it.principal);
    visit.optional(it.facts);
    visit.plain(it.rows_skip, it.flags, it.reserved);
}
void members(auto& visit, Like<howdah_result> auto& it) {
    visit.plain(it.struct_size, it.flags);
    visit.array(it.columns, it.column_count);
    visit.array(it.batches, it.batch_count);
    visit.plain(it.trailer);
}
void members(auto& visit, Like<howdah_query_request> auto& it) {
    visit.plain(it.struct_size, it.access, it.provenance, it.reserved, it.database, it.sql);
    visit.array(it.parameters, it.parameter_count);
    visit.plain(it.rows_max, it.bytes_max, it.timeout_ms, it.rows_skip, it.flags, it.reserved2, it.affected_max,
                it.cursor);
}
void members(auto& visit, Like<howdah_setting> auto& it) {
    visit.plain(it.name, it.value);
}
void members(auto& visit, Like<howdah_execution> auto& it) {
    visit.plain(it.struct_size, it.access, it.database, it.sql);
    visit.array(it.parameters, it.parameter_count);
    visit.array(it.settings, it.setting_count);
    visit.optional(it.facts);
    visit.plain(it.rows_max, it.bytes_max, it.timeout_ms);
    visit.optional(it.principal);
    visit.plain(it.rows_skip, it.plugin, it.tool, it.flags, it.reserved, it.affected_max, it.cursor);
}
void members(auto& visit, Like<howdah_call> auto& it) {
    visit.plain(it.struct_size, it.flags, it.name, it.plugin, it.request_id);
    visit.optional(it.principal);
    visit.plain(it.client_name, it.client_version, it.protocol, it.transport, it.kind, it.reserved);
}
void members(auto& visit, Like<howdah_connect_event> auto& it) {
    visit.plain(it.struct_size, it.kind);
    visit.optional(it.principal);
    visit.plain(it.client_name, it.client_version, it.protocol, it.transport, it.database);
}
void members(auto& visit, Like<howdah_credential> auto& it) {
    visit.plain(it.struct_size, it.reserved, it.transport, it.authorization, it.resource, it.peer_uid);
}
void members(auto& visit, Like<howdah_challenge> auto& it) {
    visit.plain(it.struct_size, it.reason, it.resource, it.metadata_url, it.description);
    visit.array(it.scopes, it.scope_count);
}
void members(auto& visit, Like<howdah_channel_peer> auto& it) {
    visit.plain(it.struct_size, it.reserved, it.transport, it.authorization, it.address);
}

// Arguments that are not one struct: a pointer that may be null, and pointer and count.
template <typename T>
struct Optional {
    const T* value = nullptr;
};
template <typename T>
struct List {
    const T* values = nullptr;
    std::uint64_t count = 0;
};
template <typename T>
void members(auto& visit, const Optional<T>& it) {
    visit.optional(it.value);
}
template <typename T>
void members(auto& visit, Optional<T>& it) {
    visit.optional(it.value);
}
template <typename T>
void members(auto& visit, const List<T>& it) {
    visit.array(it.values, it.count);
}
template <typename T>
void members(auto& visit, List<T>& it) {
    visit.array(it.values, it.count);
}

struct Put;
struct Get;

template <typename T>
void put(Writer& out, const T& value);
template <typename T>
void get(Reader& in, Room& room, T& value);

struct Put {
    Writer& out;
    void plain(const auto&... values) { (put(out, values), ...); }
    template <typename T>
    void optional(const T* value) {
        out.number<std::uint8_t>(value != nullptr);
        if (value) put(out, *value);
    }
    template <typename T>
    void array(const T* values, std::uint64_t count) {
        out.number(count);
        for (std::uint64_t i = 0; i < count; ++i)
            put(out, values[i]);
    }
};

struct Get {
    Reader& in;
    Room& room;
    void plain(auto&... values) { (get(in, room, values), ...); }
    template <typename T>
    void optional(const T*& value) {
        value = nullptr;
        if (in.number<std::uint8_t>() == 0) return;
        T* place = room.array<T>(1);
        get(in, room, *place);
        value = place;
    }
    template <typename T>
    void array(const T*& values, std::uint64_t& count) {
        count = in.number<std::uint64_t>();
        T* place = room.array<T>(count);
        for (std::uint64_t i = 0; i < count; ++i)
            get(in, room, place[i]);
        values = place;
    }
};

template <typename T>
void put(Writer& out, const T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
        out.number(value);
    } else if constexpr (std::same_as<T, howdah_str>) {
        out.blob(value.data, value.size);
    } else if constexpr (std::same_as<T, howdah_batch>) {
        out.blob(value.bytes, value.size);
        out.number(value.row_count);
    } else {
        Put visit{out};
        members(visit, value);
    }
}

template <typename T>
void get(Reader& in, Room& room, T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
        value = in.number<T>();
    } else if constexpr (std::same_as<T, howdah_str>) {
        value.data = reinterpret_cast<const char*>(in.blob(room, value.size));
    } else if constexpr (std::same_as<T, howdah_batch>) {
        value.bytes = in.blob(room, value.size);
        value.row_count = in.number<std::uint64_t>();
    } else {
        Get visit{in, room};
        members(visit, value);
    }
}

template <typename T>
T get(Reader& in, Room& room) {
    T value{};
    get(in, room, value);
    return value;
}

// One call as a message. Of what the caller passed only bytes go over; callee(answer, arguments...) sees copies in
// memory of its own, overwritten and freed when it has returned. Gives what the callee wrote to answer.
template <typename... Arguments, typename Callee>
Bytes carry(Callee&& callee, const Arguments&... arguments) {
    Writer asked;
    (put(asked, arguments), ...);
    const Bytes message = asked.take();
    Writer answer;
    {
        Room room;
        Reader in(message);
        std::tuple<Arguments...> copies;
        std::apply([&](auto&... copy) { (get(in, room, copy), ...); }, copies);
        if (!in.atEnd()) std::abort();
        std::apply([&](auto&... copy) { callee(answer, copy...); }, copies);
    }
    return answer.take();
}

// Reads an answer: its status, then, on success, what the call gave, into memory of the caller's side.
template <typename... Results>
howdah_status settle(const Bytes& message, Room& room, Results&... results) {
    Reader in(message);
    auto status = in.number<howdah_status>();
    if (status >= 0) (get(in, room, results), ...);
    return status;
}

}  // namespace howdah::loopback
