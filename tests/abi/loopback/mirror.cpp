// A plugin that uses everything: it writes what it is shown to the log, does what the SQL text or the tool's "do"
// argument says, and offers every service, passing each call on to the one it acquired.
#include <howdah/health.hpp>
#include <howdah/plugin.hpp>
#include <howdah/questions.hpp>
#include <howdah/transport.hpp>
#include <howdah/waiting.hpp>

#include "tests/abi/loopback/printed.hpp"

namespace howdah::loopback {
namespace {

constexpr Statement kRegistered{"select registered"};

class Mirror final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        host().log(LogLevel::info, "configure ", section.dump());
        if (section.contains("refuse")) return Error::invalidArgument("refused as asked").withHint("do not ask");
        return {};
    }
    Result<void> start(Offer& offer) override {
        const Context& context = offer.context();
        howdah_str text{};
        if (host().kernel().databases(host().raw(), context.raw(), &text) == HOWDAH_OK) saw("databases", text);
        if (host().kernel().path(host().raw(), context.raw(), HOWDAH_PATH_STATE, &text) == HOWDAH_OK) saw("path", text);
        if (host().kernel().describe(host().raw(), context.raw(), &text) == HOWDAH_OK) saw("describe", text);
        if (auto done = offer.statement(kRegistered); !done) return done;
        sql_ = *offer.acquire<howdah_sql_v1>(HOWDAH_SQL_1);
        session_ = *offer.acquire<howdah_session_v1>(HOWDAH_SESSION_1);
        listen_ = *offer.acquire<howdah_listen_v1>(HOWDAH_LISTEN_1);
        source_ = *offer.acquire<howdah_source_v1>(HOWDAH_SOURCE_1);
        statement_ = *offer.acquire<howdah_statement_v1>(HOWDAH_STATEMENT_1);
        auth_ = *offer.acquire<howdah_auth_v1>(HOWDAH_AUTH_1);
        kv_ = *offer.acquire<howdah_kv_v1>(HOWDAH_KV_1);
        auto missing = offer.acquire<howdah_kv_v1>("nobody.offers/1");
        saw("missing", !missing || *missing);
        event_.emplace(host());
        offer.bind("mirror", [this](ToolCall& call) { return tool(call); });
        offer.bindPrompt("mirror", [this](PromptCall& call) {
            saw("prompt", *call.raw());
            return call.writeMessage("assistant", textBlock(call.text("name")));
        });
        offer.bindResource("mirror://{name}", [this](ResourceCall& call) {
            host().resourceUpdated(call.uri());
            return call.writeBlob("\xff\x01", "application/octet-stream");
        });
        offer.bindCompletion("mirror", [](CompletionCall& call) { return call.suggest({call.typed(), "more"}); });
        offer.bindResourceList("mirror://{name}", [this](ResourceListCall& call) {
            host().resourceListChanged();
            tellHealth(host(), ServerHealth::degraded);
            if (auto added = call.add("mirror://a", call.cursor()); !added) return added;
            return call.goOnAt("b");
        });
        return {};
    }
    void stop() override {
        event_.reset();
        host().log(LogLevel::warn, "stop");
    }

    Verdict beforeQuery(Query& query) override {
        saw("beforeQuery", *query.raw());
        std::string_view sql = query.sql();
        if (sql == "deny") return deny("rule_x", "denied as asked");
        if (sql == "fault") throw std::runtime_error("thrown as asked");
        if (sql == "reply") return replied();
        if (sql != "change") return proceed();
        const Value values[] = {nullptr, true, 42, 2.5, "text", Value::json("[1]")};
        tell(query.setSql("select 2"));
        tell(query.setParameters(Values(std::begin(values), std::end(values))));
        tell(query.setLimits(7, 8, 9));
        tell(query.setSetting("role", "reader"));
        tell(query.setDatabase("other"));
        if (query.facts()) tell(query.setFacts(*query.facts()));
        tell(query.tags().add("seen"));
        saw("tags", query.tags().contains("seen"), query.tags().contains("not"));
        howdah_str refused{"refuse", 6};
        tell(query.context().check(host().query().set_sql(query.context().raw(), query.raw(), refused)));
        return proceed();
    }
    Verdict afterQuery(Query& query, const howdah_result& result) override {
        saw("afterQuery", *query.raw(), result);
        return query.sql() == "replace" ? replied() : proceed();
    }
    Verdict onError(Query& query, const Error& error) override {
        saw("onError", *query.raw(), toAbi(error));
        return query.sql() == "map" ? Verdict::deny(Error::notFound("mapped").withHint("look elsewhere")) : proceed();
    }
    Verdict onConnect(Context& context, const howdah_connect_event& event) override {
        saw("onConnect", event);
        tell(context.goOn());
        return event.kind == HOWDAH_CONNECT_DATABASE ? deny("no_more", "closed") : proceed();
    }
    Verdict beforeCall(Call& call) override {
        saw("beforeCall", *call.raw());
        return proceed();
    }
    void afterCall(Call& call, const Error* error) override {
        saw("afterCall", *call.raw(), static_cast<std::uint32_t>(error != nullptr));
        if (error) saw("its error", toAbi(*error));
    }
    Verdict onRows(Query& query, const howdah_batch& in, howdah_batch& out) override {
        saw("onRows", in);
        if (query.sql() != "transform") return proceed();
        howdah_str kept = query.context().keep(std::string(in.size, 'x'));
        out = {reinterpret_cast<const std::uint8_t*>(kept.data), kept.size, in.row_count};
        return proceed();
    }

    void task(Context& context, std::uint64_t token) override {
        saw("task", token);
        saw("its event", event_->wait(context));
    }
    void work(std::uint64_t token) override { saw("work", token); }
    void drop(std::uint64_t token) override { saw("drop", token); }
    Result<Json> report(Context&) override { return Json{{"status", "ok"}}; }

    const void* interface(std::string_view id) override {
        if (id == HOWDAH_SQL_1) return &kSql;
        if (id == HOWDAH_SESSION_1) return &kSession;
        if (id == HOWDAH_LISTEN_1) return &kListen;
        if (id == HOWDAH_SOURCE_1) return &kSource;
        if (id == HOWDAH_STATEMENT_1) return &kStatement;
        if (id == HOWDAH_AUTH_1) return &kAuth;
        if (id == HOWDAH_KV_1) return &kKv;
        return nullptr;
    }

private:
    template <typename... Values>
    void saw(const char* name, const Values&... values) {
        host().log(LogLevel::info, printed(name, values...));
    }
    void tell(const Result<void>& done) {
        saw(done ? "done" : "failed", static_cast<std::int32_t>(done ? 0 : static_cast<int>(done.error().code)));
        if (!done) saw("why", toAbi(done.error()));
    }

    Verdict replied() {
        builder_ = {};
        builder_.cell("one");
        builder_.cell(std::nullopt);
        builder_.endRow();
        ReplyData data;
        data.columns = {{toAbi("a"), 25, -1}, {toAbi(""), 23, 4}};
        data.batches = {builder_.batch()};
        data.trailer.row_count = 1;
        data.trailer.command_tag = toAbi("SELECT 1");
        data.trailer.source = HOWDAH_FROM_SHARED;
        data.trailer.age_ns = 19;
        return reply(std::move(data));
    }

    Result<void> tool(ToolCall& call) {
        saw("tool", *call.raw());
        for (const char* name : {"do", "integer", "number", "flag", "list", "null", "absent"}) {
            if (auto value = call.argument(name)) saw(name, value->raw());
        }
        howdah_str all{};
        host().call().arguments(call.context().raw(), call.raw(), &all);
        saw("arguments", all);
        if (auto sealed = call.context().seal("mirror", "kept", 1000)) {
            saw("sealed", toAbi(*sealed));
            if (auto kept = call.context().unseal("mirror", *sealed)) saw("unsealed", toAbi(*kept));
        }
        saw("unsealed", call.context().unseal("mirror", "nothing").has_value());
        saw("deadline", call.context().deadlineNs() != UINT64_MAX, host().nowNs() > 0);
        if (call.text("do") == "fail") return Error{Code::database, "no such table"}.withHint("list_tables");
        if (call.text("do") == "throw") throw std::runtime_error("a tool threw");
        if (call.text("do") == "wait") return waits(call.context());
        if (call.text("do") == "channel") return channels(call.context());
        auto rows = call.query("select 1", {nullptr, 1, "x"}, "main", {10, 20, 30, 1, HOWDAH_RUN_STABLE, 2, "c"});
        if (!rows) return rows.error();
        for (const howdah_column& column : rows->columns())
            saw("column", column);
        saw("complete", rows->complete());
        for (;;) {
            auto batch = rows->nextBatch();
            if (!batch) return batch.error();
            if (!*batch) break;
            saw("batch", **batch);
        }
        auto trailer = rows->trailer();
        if (!trailer) return trailer.error();
        saw("trailer", *trailer);
        if (auto report = rows->report()) saw("report", toAbi(*report));
        auto refused = call.query("refuse");
        saw("refused", toAbi(refused.error()));
        auto as_task = call.continueAsTask();
        saw("as task", toAbi(as_task.error()));
        auto answered = call.ask("key", elicit("What?", {{"type", "object"}}));
        saw("answered", toAbi(answered ? answered->dump() : answered.error().message));
        tell(call.log(ClientLogLevel::warning, {{"a", 1}}, "mirror"));
        tell(call.progress(1, 3, "one of three"));
        tell(call.writeText("text \xC3\xA4"));
        tell(call.writeContent({{"type", "image"}}));
        return call.writeStructured("{}");
    }

    // What was received last is overwritten by the next one.
    Result<void> channels(const Context& context) {
        auto refused = Channel::open(context, {.transport = "mirror"});
        saw("refused", toAbi(refused.error()));
        auto channel = Channel::open(context, {"mirror", "Bearer x", "somewhere"});
        if (!channel) return channel.error();
        tell(channel->submit(context, R"({"id":1})", 5));
        tell(channel->submit(context, "", kNoDeadline));
        for (auto message = channel->receive(context); message; message = channel->receive(context, 9))
            saw("received", toAbi(*message));
        tell(channel->finish(context));
        return {};
    }

    Result<void> waits(const Context& context) {
        const howdah_reactor_v1& reactor = host().reactor();
        saw("shard", reactor.shard(context.raw()), reactor.shard_count(host().raw()));
        saw("run", host().offload().run(context.raw(), 11, HOWDAH_OFFLOAD_BLOCKING, kNoDeadline));
        event_->set();
        saw("event", event_->wait(context));
        saw("event late", event_->wait(context, 1));
        auto socket = Socket::adopt(context, -1);
        saw("socket", toAbi(socket.error()));
        auto pipe = Socket::adopt(context, 0);
        if (pipe) saw("timeout", pipe->wait(context, 0, 1));
        saw("connect", host().query().connect_database(context.raw(), toAbi("main")));
        saw("spawn", reactor.spawn(host().raw(), 12));
        return {};
    }

    static Mirror& of(void* self) { return *static_cast<Mirror*>(static_cast<Plugin*>(self)); }

    Offer::Acquired<howdah_sql_v1> sql_;
    Offer::Acquired<howdah_session_v1> session_;
    Offer::Acquired<howdah_listen_v1> listen_;
    Offer::Acquired<howdah_source_v1> source_;
    Offer::Acquired<howdah_statement_v1> statement_;
    Offer::Acquired<howdah_auth_v1> auth_;
    Offer::Acquired<howdah_kv_v1> kv_;
    std::optional<Event> event_;
    BatchBuilder builder_;

    static const howdah_sql_v1 kSql;
    static const howdah_session_v1 kSession;
    static const howdah_listen_v1 kListen;
    static const howdah_source_v1 kSource;
    static const howdah_statement_v1 kStatement;
    static const howdah_auth_v1 kAuth;
    static const howdah_kv_v1 kKv;
};

// The services: each call goes on to the one acquired.

constexpr howdah_sql_v1 Mirror::kSql{
    sizeof(howdah_sql_v1),
    0,
    [](void* self, howdah_ctx* ctx, const howdah_execution* execution, std::uint64_t* cursor) {
        of(self).saw("execute", *execution);
        return of(self).sql_.table->execute(of(self).sql_.self, ctx, execution, cursor);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t cursor, const howdah_column** columns, std::uint64_t* count) {
        return of(self).sql_.table->columns(of(self).sql_.self, ctx, cursor, columns, count);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_batch* batch) {
        return of(self).sql_.table->next(of(self).sql_.self, ctx, cursor, batch);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_trailer* trailer) {
        return of(self).sql_.table->trailer(of(self).sql_.self, ctx, cursor, trailer);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t cursor) {
        of(self).sql_.table->close(of(self).sql_.self, ctx, cursor);
    },
    [](void* self, howdah_ctx* ctx, howdah_str database, howdah_str* json) {
        return of(self).sql_.table->state(of(self).sql_.self, ctx, database, json);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t cursor, howdah_str* json) {
        return of(self).sql_.table->report(of(self).sql_.self, ctx, cursor, json);
    }};
constexpr howdah_session_v1 Mirror::kSession{
    sizeof(howdah_session_v1), 0,
    [](void* self, howdah_ctx* ctx, howdah_str database, const howdah_principal* principal, howdah_str* name) {
        of(self).saw("open", database, Optional<howdah_principal>{principal});
        return of(self).session_.table->open(of(self).session_.self, ctx, database, principal, name);
    },
    [](void* self, howdah_str name, howdah_str definitions) {
        of(self).saw("suppose", name, definitions);
        return of(self).session_.table->suppose(of(self).session_.self, name, definitions);
    },
    [](void* self, howdah_str name) {
        of(self).saw("close session", name);
        of(self).session_.table->close(of(self).session_.self, name);
    }};
constexpr howdah_listen_v1 Mirror::kListen{
    sizeof(howdah_listen_v1),
    0,
    [](void* self, howdah_ctx* ctx, howdah_str database, howdah_str channel, std::uint64_t* listener,
       howdah_str* server) {
        of(self).saw("open listener", database, channel);
        return of(self).listen_.table->open(of(self).listen_.self, ctx, database, channel, listener, server);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t listener, std::uint64_t deadline_ns, howdah_str* payload) {
        return of(self).listen_.table->next(of(self).listen_.self, ctx, listener, deadline_ns, payload);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t listener, std::uint64_t deadline_ns) {
        return of(self).listen_.table->catch_up(of(self).listen_.self, ctx, listener, deadline_ns);
    },
    [](void* self, std::uint64_t listener) {
        of(self).saw("close listener", listener);
        of(self).listen_.table->close(of(self).listen_.self, listener);
    }};
constexpr howdah_source_v1 Mirror::kSource{
    sizeof(howdah_source_v1), 0, [](void* self, howdah_ctx* ctx, howdah_str database, howdah_str* out) {
        return of(self).source_.table->dsn(of(self).source_.self, ctx, database, out);
    }};
constexpr howdah_statement_v1 Mirror::kStatement{
    sizeof(howdah_statement_v1), 0,
    [](void* self, howdah_ctx* ctx, howdah_str sql, std::uint32_t access, const howdah_facts** out) {
        return of(self).statement_.table->facts(of(self).statement_.self, ctx, sql, access, out);
    },
    [](void* self, howdah_ctx* ctx, howdah_str sql, howdah_pattern* out) {
        return of(self).statement_.table->pattern(of(self).statement_.self, ctx, sql, out);
    }};
constexpr howdah_auth_v1 Mirror::kAuth{
    sizeof(howdah_auth_v1), 0,
    [](void* self, howdah_ctx* ctx, const howdah_credential* credential, howdah_principal* out) {
        of(self).saw("verify", *credential);
        return of(self).auth_.table->verify(of(self).auth_.self, ctx, credential, out);
    },
    [](void* self, howdah_ctx* ctx, const howdah_challenge* challenge, howdah_str* header) {
        of(self).saw("challenge", *challenge);
        return of(self).auth_.table->challenge(of(self).auth_.self, ctx, challenge, header);
    },
    [](void* self, howdah_ctx* ctx, howdah_str resource, howdah_str* json) {
        of(self).saw("metadata", resource);
        return of(self).auth_.table->metadata(of(self).auth_.self, ctx, resource, json);
    }};
constexpr howdah_kv_v1 Mirror::kKv{
    sizeof(howdah_kv_v1),
    0,
    [](void* self, howdah_ctx* ctx, howdah_str key, howdah_str* value) {
        return of(self).kv_.table->get(of(self).kv_.self, ctx, key, value);
    },
    [](void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, std::uint64_t ttl) {
        return of(self).kv_.table->set(of(self).kv_.self, ctx, key, value, ttl);
    },
    [](void* self, howdah_ctx* ctx, howdah_str key, howdah_str value, std::uint64_t ttl) {
        return of(self).kv_.table->set_if_absent(of(self).kv_.self, ctx, key, value, ttl);
    },
    [](void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl, std::int64_t* value) {
        return of(self).kv_.table->add(of(self).kv_.self, ctx, key, delta, ttl, value);
    },
    [](void* self, howdah_ctx* ctx, howdah_str key) { return of(self).kv_.table->remove(of(self).kv_.self, ctx, key); },
    [](void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected, howdah_str value, std::uint64_t ttl) {
        return of(self).kv_.table->replace(of(self).kv_.self, ctx, key, expected, value, ttl);
    },
    [](void* self, howdah_ctx* ctx, howdah_str key, howdah_str expected) {
        return of(self).kv_.table->remove_if(of(self).kv_.self, ctx, key, expected);
    },
    [](void* self, howdah_ctx* ctx, howdah_str key, std::int64_t delta, std::uint64_t ttl, std::int64_t* value) {
        return of(self).kv_.table->add_leased(of(self).kv_.self, ctx, key, delta, ttl, value);
    },
    [](void* self, howdah_ctx* ctx, howdah_str channel, howdah_str message) {
        return of(self).kv_.table->publish(of(self).kv_.self, ctx, channel, message);
    },
    [](void* self, howdah_ctx* ctx, howdah_str channel, std::uint64_t* subscription) {
        return of(self).kv_.table->subscribe(of(self).kv_.self, ctx, channel, subscription);
    },
    [](void* self, howdah_ctx* ctx, std::uint64_t subscription, std::uint64_t deadline_ns, howdah_str* message) {
        const howdah_status status =
            of(self).kv_.table->receive(of(self).kv_.self, ctx, subscription, deadline_ns, message);
        if (status == HOWDAH_OK) of(self).saw("received", *message);
        return status;
    },
    [](void* self, std::uint64_t subscription) { of(self).kv_.table->unsubscribe(of(self).kv_.self, subscription); }};

}  // namespace
}  // namespace howdah::loopback

HOWDAH_PLUGIN(howdah::loopback::Mirror)
