// The message law: a plugin behaves the same whether its calls are calls or bytes.
#include <functional>

#include <dlfcn.h>
#include <doctest/doctest.h>

#include "tests/abi/loopback/link.hpp"
#include "tests/abi/loopback/stage.hpp"

namespace howdah::loopback {
namespace {

const howdah_entry_v1& entryOf(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);  // stays mapped: both runs use it
    REQUIRE_MESSAGE(library, dlerror());
    auto* entry = static_cast<const howdah_entry_v1*>(dlsym(library, HOWDAH_ENTRY_SYMBOL));
    REQUIRE(entry);
    return *entry;
}

// One request of the host: its context, and the end of it on both sides.
class Request {
public:
    Request(test::FakeHost& host, Link* link) : call_(host), link_(link) {}
    ~Request() {
        transcript().add(printed("error", toAbi(call_.error())));
        if (link_) link_->endRequest(call_.ctx());
    }
    howdah_ctx* ctx() { return call_.ctx(); }

private:
    test::FakeCall call_;
    Link* link_;
};

struct Run {
    test::FakeHost& host;
    Link* link;
    void* self() const { return host.self(); }
};

// What the plugin does, from create to destroy, with `play` in between.
std::vector<std::string> play(const howdah_entry_v1& entry, bool over_bytes, const char* section,
                              const std::function<void(Run&)>& scenes) {
    transcript().clear();
    std::unique_ptr<Link> link = over_bytes ? std::make_unique<Link>(entry) : nullptr;
    test::FakeHost host;
    furnish(host);
    REQUIRE(host.load(link ? link->entry() : &entry) == "");
    transcript().add("start: " + host.start(section));
    Run run{host, link.get()};
    if (scenes) scenes(run);
    host.stop();
    return transcript().lines();
}

void checkAlike(const char* path, const char* section, const std::function<void(Run&)>& scenes, std::size_t lines_min) {
    const howdah_entry_v1& entry = entryOf(path);
    auto direct = play(entry, false, section, scenes);
    auto carried = play(entry, true, section, scenes);
    CHECK(direct.size() >= lines_min);
    REQUIRE(direct.size() == carried.size());
    for (std::size_t i = 0; i < direct.size(); ++i)
        CHECK(direct[i] == carried[i]);
}

template <typename... Values>
void saw(const char* name, const Values&... values) {
    transcript().add(printed(name, values...));
}

const howdah_str kScope[] = {toAbi("a"), toAbi("b")};
const howdah_principal kPrincipal{sizeof(howdah_principal), 0, toAbi("local"), toAbi("t"), toAbi(""), kScope, 2};
const howdah_name kTable[] = {{toAbi("s"), toAbi("t")}};
const std::uint32_t kRelations[] = {16384, 4294967295};
const howdah_facts kFacts{
    sizeof(howdah_facts), HOWDAH_STATEMENT_SELECT, 1, 2, 3, 4, 5, kTable, 1, nullptr, 0, kRelations, 2, 6};
const howdah_value kValues[] = {{HOWDAH_VALUE_TEXT, 25, 0, 0, toAbi("p")}, {HOWDAH_VALUE_NUMBER, 0, 0, 1.5, {}}};

howdah_query queryOf(std::string_view sql) {
    return {sizeof(howdah_query),
            HOWDAH_ACCESS_READ,
            HOWDAH_PROVENANCE_CLIENT,
            1,
            toAbi(sql),
            toAbi("main"),
            toAbi("query"),
            toAbi("tool"),
            kValues,
            2,
            10,
            11,
            12,
            13,
            14,
            &kPrincipal,
            &kFacts};
}
// The scripted host gives the client's version as the argument "do".
howdah_call callOf(std::string_view what, const char* tool) {
    return {
        sizeof(howdah_call), HOWDAH_CALL_STRUCTURED, toAbi(tool),    toAbi("mirror"),  9, &kPrincipal, toAbi("client"),
        toAbi(what),         toAbi("2025-11-25"),    toAbi("stdio"), HOWDAH_CALL_TOOL, 0};
}

void callTool(Run& run, const char* tool, std::string_view what) {
    auto* tools = run.host.plugin<howdah_handlers_v1>(HOWDAH_TOOLS_1);
    auto* hooks = run.host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    Request request(run.host, run.link);
    howdah_call call = callOf(what, tool);
    std::uint32_t bound = tools->bind(run.self(), toAbi(tool));
    saw("bound", bound, tools->bind(run.self(), toAbi("nothing")));
    saw("verdict", hooks->before_call(run.self(), request.ctx(), &call));
    howdah_status status = tools->call(run.self(), request.ctx(), bound, &call);
    howdah_error error = toAbi(request.ctx()->error);
    saw("status", status);
    hooks->after_call(run.self(), request.ctx(), &call, status < 0 ? &error : nullptr);
}

// Prompts, resources, completions and resource lists: the same table under other ids.
void features(Run& run) {
    const std::pair<const char*, const char*> kBound[] = {{HOWDAH_PROMPTS_1, "mirror"},
                                                          {HOWDAH_RESOURCES_1, "mirror://{name}"},
                                                          {HOWDAH_COMPLETIONS_1, "mirror"},
                                                          {HOWDAH_RESOURCE_LISTS_1, "mirror://{name}"}};
    for (const auto& [id, name] : kBound) {
        auto* handlers = run.host.plugin<howdah_handlers_v1>(id);
        Request request(run.host, run.link);
        howdah_call call = callOf("answer", name);
        const std::uint32_t bound = handlers->bind(run.self(), toAbi(name));
        saw("bound", bound, handlers->bind(run.self(), toAbi("nothing")));
        saw("status", handlers->call(run.self(), request.ctx(), bound, &call));
    }
}

void hooks(Run& run) {
    auto* hooks = run.host.plugin<howdah_hooks_v1>(HOWDAH_HOOKS_1);
    const howdah_column columns[] = {{toAbi("c"), 25, -1}};
    const std::uint8_t bytes[] = {255, 255, 255, 255, 255, 255, 255, 255};
    const howdah_batch batch{bytes, sizeof bytes, 2};
    const howdah_result result{sizeof result,
                               0,
                               columns,
                               1,
                               &batch,
                               1,
                               {sizeof(howdah_trailer), 0, 2, -1, 5, toAbi("SELECT 2"), HOWDAH_FROM_MEMORY, 0, 6, 7}};
    const Error broken = Error{Code::database, "broken"}.withHint("hint");
    const howdah_error error = toAbi(broken);
    for (const char* sql : {"proceed", "deny", "fault", "reply", "change", "replace", "map", "transform"}) {
        Request request(run.host, run.link);
        howdah_query query = queryOf(sql);
        howdah_batch out = batch;
        saw("beforeQuery gave", hooks->before_query(run.self(), request.ctx(), &query));
        saw("afterQuery gave", hooks->after_query(run.self(), request.ctx(), &query, &result));
        saw("onError gave", hooks->on_error(run.self(), request.ctx(), &query, &error));
        saw("onRows gave", hooks->on_rows(run.self(), request.ctx(), &query, &batch, &out), out);
    }
    for (std::uint32_t kind : {HOWDAH_CONNECT_CLIENT, HOWDAH_CONNECT_DATABASE}) {
        Request request(run.host, run.link);
        howdah_connect_event event{sizeof event, kind,       &kPrincipal,   toAbi("c"),
                                   toAbi("1"),   toAbi("p"), toAbi("http"), toAbi("main")};
        saw("onConnect gave", hooks->on_connect(run.self(), request.ctx(), &event));
    }
}

void sql(Run& run, std::string_view text) {
    auto* sql = run.host.plugin<howdah_sql_v1>(HOWDAH_SQL_1);
    Request request(run.host, run.link);
    const howdah_setting settings[] = {{toAbi("role"), toAbi("r")}, {toAbi("search_path"), toAbi("s")}};
    howdah_execution execution{sizeof execution,
                               HOWDAH_ACCESS_READ,
                               toAbi("main"),
                               toAbi(text),
                               kValues,
                               2,
                               settings,
                               2,
                               text == "select" ? &kFacts : nullptr,
                               1,
                               2,
                               3,
                               &kPrincipal,
                               4,
                               toAbi("shelf"),
                               toAbi("query"),
                               HOWDAH_RUN_STABLE,
                               0,
                               5,
                               toAbi("cursor")};
    std::uint64_t cursor = 0;
    howdah_status status = sql->execute(run.self(), request.ctx(), &execution, &cursor);
    saw("execute", status, cursor);
    if (status < 0) return;
    List<howdah_column> columns;
    saw("columns", sql->columns(run.self(), request.ctx(), cursor, &columns.values, &columns.count), columns);
    for (howdah_batch batch{}; sql->next(run.self(), request.ctx(), cursor, &batch) == 1;)
        saw("batch", batch);
    howdah_trailer trailer{};
    saw("trailer", sql->trailer(run.self(), request.ctx(), cursor, &trailer), trailer);
    howdah_str report{};
    saw("report", sql->report(run.self(), request.ctx(), cursor, &report), report);
    sql->close(run.self(), request.ctx(), cursor);
    saw("columns gone");
}

void sessions(Run& run) {
    auto* sessions = run.host.plugin<howdah_session_v1>(HOWDAH_SESSION_1);
    const auto open = [&](std::string_view database, const howdah_principal* principal) {
        Request request(run.host, run.link);
        howdah_str name{"", 0};
        saw("open", sessions->open(run.self(), request.ctx(), toAbi(database), principal, &name), name);
    };
    open("main", &kPrincipal);
    open("main", nullptr);
    open("refuse", &kPrincipal);
    // As long as the plugin runs, in no request.
    for (const char* name : {"session-1", "none"}) {
        saw("suppose", sessions->suppose(run.self(), toAbi(name), toAbi(R"j(["create index on t (a)"])j")));
        sessions->close(run.self(), toAbi(name));
    }
}

void listeners(Run& run) {
    auto* listen = run.host.plugin<howdah_listen_v1>(HOWDAH_LISTEN_1);
    for (const char* database : {"main", "refuse"}) {
        Request request(run.host, run.link);
        std::uint64_t listener = 0;
        howdah_str text{"", 0};
        saw("listen", listen->open(run.self(), request.ctx(), toAbi(database), toAbi("c"), &listener, &text), listener,
            text);
        for (const std::uint64_t deadline : {std::uint64_t{7}, std::uint64_t{0}}) {
            text = {"", 0};
            saw("next", listen->next(run.self(), request.ctx(), listener, deadline, &text), text);
            saw("catch up", listen->catch_up(run.self(), request.ctx(), listener, deadline));
        }
        listen->close(run.self(), listener);
    }
}

void services(Run& run) {
    for (const char* text : {"select", "refuse"})
        sql(run, text);
    sessions(run);
    listeners(run);
    for (const char* text : {"main", "refuse"}) {
        Request request(run.host, run.link);
        howdah_str state{};
        saw("state",
            run.host.plugin<howdah_sql_v1>(HOWDAH_SQL_1)->state(run.self(), request.ctx(), toAbi(text), &state), state);
        howdah_str dsn{};
        saw("dsn",
            run.host.plugin<howdah_source_v1>(HOWDAH_SOURCE_1)->dsn(run.self(), request.ctx(), toAbi(text), &dsn), dsn);
        Optional<howdah_facts> facts;
        saw("facts",
            run.host.plugin<howdah_statement_v1>(HOWDAH_STATEMENT_1)
                ->facts(run.self(), request.ctx(), toAbi(text), 1, &facts.value),
            facts);
        howdah_pattern pattern{sizeof pattern, 0, 0, {}};
        saw("pattern",
            run.host.plugin<howdah_statement_v1>(HOWDAH_STATEMENT_1)
                ->pattern(run.self(), request.ctx(), toAbi(text), &pattern),
            pattern);
        howdah_credential credential{sizeof credential, 0,
                                     toAbi("http"),     toAbi(text == std::string_view("main") ? "Bearer x" : ""),
                                     toAbi("uri"),      1000};
        howdah_principal principal{};
        saw("verify",
            run.host.plugin<howdah_auth_v1>(HOWDAH_AUTH_1)->verify(run.self(), request.ctx(), &credential, &principal),
            principal);
        howdah_challenge challenge{sizeof challenge,
                                   HOWDAH_CHALLENGE_SCOPE,
                                   toAbi("uri"),
                                   toAbi("url"),
                                   toAbi("why"),
                                   kScope,
                                   text == std::string_view("main") ? 2u : 0u};
        howdah_str told{};
        auto* auth = run.host.plugin<howdah_auth_v1>(HOWDAH_AUTH_1);
        saw("challenge", auth->challenge(run.self(), request.ctx(), &challenge, &told), told);
        saw("metadata", auth->metadata(run.self(), request.ctx(), toAbi(text), &told), told);
    }
    auto* kv = run.host.plugin<howdah_kv_v1>(HOWDAH_KV_1);
    Request request(run.host, run.link);
    howdah_str value{};
    std::int64_t count = 0;
    saw("get", kv->get(run.self(), request.ctx(), toAbi("k"), &value), value);
    saw("absent", kv->get(run.self(), request.ctx(), toAbi("absent"), &value));
    saw("set", kv->set(run.self(), request.ctx(), toAbi("k"), toAbi("v"), 5));
    saw("set_if_absent", kv->set_if_absent(run.self(), request.ctx(), toAbi("k"), toAbi("v"), 5));
    saw("add", kv->add(run.self(), request.ctx(), toAbi("k"), -4, 5, &count), count);
    saw("remove", kv->remove(run.self(), request.ctx(), toAbi("k")));
    saw("replace", kv->replace(run.self(), request.ctx(), toAbi("k"), toAbi("v"), toAbi("w"), 5));
    saw("remove_if", kv->remove_if(run.self(), request.ctx(), toAbi("k"), toAbi("w")));
    saw("add_leased", kv->add_leased(run.self(), request.ctx(), toAbi("k"), -4, 5, &count), count);
    saw("publish", kv->publish(run.self(), request.ctx(), toAbi("c"), toAbi("m")));
    std::uint64_t heard = 0;
    saw("subscribe refused", kv->subscribe(run.self(), request.ctx(), toAbi("refuse"), &heard));
    saw("subscribe", kv->subscribe(run.self(), request.ctx(), toAbi("c"), &heard), heard);
    saw("missed", kv->receive(run.self(), request.ctx(), heard, 1, &value));
    saw("receive", kv->receive(run.self(), request.ctx(), heard, UINT64_MAX, &value), value);
    kv->unsubscribe(run.self(), heard);
    howdah_str report{};
    saw("report", run.host.plugin<howdah_report_v1>(HOWDAH_REPORT_1)->report(run.self(), request.ctx(), &report),
        report);
}

// Adds up what members() names.
struct Size {
    std::size_t bytes = 0;
    void plain(const auto&... values) { bytes += (sizeof values + ...); }
    void optional(const auto* const&) { bytes += sizeof(void*); }
    void array(const auto* const&, const std::uint64_t& count) { bytes += sizeof(void*) + sizeof count; }
};

template <typename... Structs>
void checkWhole() {
    const auto check = [](const auto& value) {
        Size size;
        members(size, value);
        CHECK(size.bytes == sizeof value);
    };
    (check(Structs{}), ...);
}

}  // namespace

// What is left out on the way would be left out of the transcripts too. No struct of the ABI has padding.
TEST_CASE("loopback: every member of every struct is carried") {
    checkWhole<howdah_error, howdah_value, howdah_principal, howdah_column, howdah_trailer, howdah_name, howdah_facts,
               howdah_pattern, howdah_query, howdah_result, howdah_query_request, howdah_setting, howdah_execution,
               howdah_call, howdah_connect_event, howdah_credential, howdah_challenge, howdah_channel_peer>();
}

TEST_CASE("loopback: every hook with every verdict and setter is the same over bytes") {
    checkAlike(MIRROR, R"({"a":[1]})", hooks, 60);
}

TEST_CASE("loopback: a tool reads, queries, streams rows, waits and answers the same over bytes") {
    checkAlike(
        MIRROR, "{}",
        [](Run& run) {
            for (const char* what : {"answer", "fail", "throw", "wait", "channel"})
                callTool(run, "mirror", what);
        },
        60);
}

TEST_CASE("loopback: a prompt, a resource, a completion and a list answer the same over bytes") {
    checkAlike(MIRROR, "{}", features, 12);
}

TEST_CASE("loopback: services offered and acquired are the same over bytes") {
    checkAlike(MIRROR, "{}", services, 85);
}

TEST_CASE("loopback: a refused configuration is refused the same over bytes") {
    checkAlike(MIRROR, R"({"refuse":1})", nullptr, 2);
}

TEST_CASE("loopback: the example plugin greets and counts the same over bytes") {
    checkAlike(
        HELLO, R"({"greeting":"Good day"})",
        [](Run& run) {
            callTool(run, "hello", "");
            callTool(run, "hello", "");
        },
        8);
}

}  // namespace howdah::loopback
