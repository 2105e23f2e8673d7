#include "tests/kernel/protocol/fake_tools.hpp"

#include <atomic>
#include <map>

#include <howdah/json_text.hpp>

#include "kernel/pipeline/calls.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

// The pipeline's is not linked here and no tool of this file queries.
class QueryRun {};

namespace {

using ToolFunction = Result<void> (*)(Request&, simdjson::dom::element, Answer&);

std::atomic<int> greetings{0};
std::atomic<bool> denying{false};

Result<void> echo(Request& request, simdjson::dom::element arguments, Answer& answer) {
    (void)request;
    return answer.text(simdjson::minify(arguments));
}

Result<void> rows(Request&, simdjson::dom::element, Answer& answer) {
    if (auto said = answer.text("one \"row\"\n"); !said) return said;
    if (auto said = answer.structured(R"({"rows":[)"); !said) return said;
    return answer.structured("[1]]}");
}

Result<void> onlyStructured(Request&, simdjson::dom::element, Answer& answer) {
    return answer.structured(R"({"a":"b"})");
}

Result<void> pretty(Request&, simdjson::dom::element, Answer& answer) {
    if (auto said = answer.content("{\n  \"type\": \"text\",\r\n  \"text\": \"x\"\n}"); !said) return said;
    return answer.structured("{\n  \"a\": 1\n}");
}

constexpr std::string_view kAudio = R"({"type":"audio","data":"UklGRg==","mimeType":"audio/wav"})";
constexpr std::string_view kLink = R"({"type":"resource_link","uri":"note:///1","name":"the first"})";
constexpr std::string_view kEmbedded =
    R"({"type":"resource","resource":{"uri":"note:///1","mimeType":"text/plain","text":"x"}})";

Result<void> kinds(Request&, simdjson::dom::element, Answer& answer) {
    for (const std::string_view block : {kAudio, kLink, kEmbedded})
        if (auto said = answer.content(block); !said) return said;
    return {};
}

Result<void> sqlError(Request&, simdjson::dom::element, Answer&) {
    Error error = Error::database("42P01", "relation \"nope\" does not exist").at(15);
    error.hint = "list_tables shows what there is";
    return error;
}

Result<void> denied(Request&, simdjson::dom::element, Answer&) {
    Error error = Error::refused("DELETE changes rows");
    error.rule = "read_only";
    error.retry_after_ms = 250;
    return error;
}

Result<void> missing(Request&, simdjson::dom::element, Answer&) {
    return Error::notFound("no table \"nope\"");
}

Result<void> badValue(Request&, simdjson::dom::element, Answer&) {
    return Error::invalidArgument("cursor is not one of ours");
}

Result<void> slow(Request& request, simdjson::dom::element, Answer&) {
    WaitStatus status = sleepUntil(request.cancellation, request.deadline);
    return waitError(status, request.cancellation, "slow");
}

Result<void> steps(Request&, simdjson::dom::element, Answer& answer) {
    for (double done : {1.0, 1.0, 0.5, 2.5, 3.0})
        if (auto told = answer.progress(done, 3, "step"); !told) return told;
    return answer.text(answer.wantsProgress() ? "told" : "nobody asked");
}

// 300,000 bytes in pieces that cut the three-byte character in two.
Result<void> large(Request&, simdjson::dom::element, Answer& answer) {
    std::string all;
    for (int i = 0; i < 100'000; ++i)
        all += "\xE2\x82\xAC";
    for (std::size_t at = 0; at < all.size(); at += 1000)
        if (auto said = answer.text(std::string_view(all).substr(at, 1000)); !said) return said;
    return {};
}

Result<void> halfWay(Request&, simdjson::dom::element, Answer& answer) {
    if (auto said = answer.text("first row\n"); !said) return said;
    if (auto said = answer.structured(R"({"rows":[)"); !said) return said;
    return Error::unavailable("the connection broke");
}

const std::map<std::string, ToolFunction, std::less<>> kHandlers = {
    {"echo", echo},
    {"rows", rows},
    {"only_structured", onlyStructured},
    {"pretty", pretty},
    {"limited", echo},
    {"sql_error", sqlError},
    {"denied", denied},
    {"missing", missing},
    {"bad_value", badValue},
    {"slow", slow},
    {"steps", steps},
    {"large", large},
    {"half_way", halfWay},
    {"kinds", kinds},
    {"zebra", echo},
    {"promises", onlyStructured},
    {"lies", onlyStructured},
};

}  // namespace

Request::Request() : id(1), principal(nullptr) {}
Request::~Request() = default;

Result<const Tool*> findTool(const Generation& generation, std::string_view name) {
    auto found = generation.tools_by_name.find(name);
    if (found == generation.tools_by_name.end()) return Error::notFound("unknown tool \"", name, "\"");
    return found->second;
}

Result<void> callTool(Request& request, const Tool& tool, simdjson::dom::element arguments, Answer& answer) {
    if (auto wrong = tool.arguments.validate(arguments))
        return Error::invalidArgument("arguments", wrong->pointer, ": ", wrong->message);
    return kHandlers.find(tool.name)->second(request, arguments, answer);
}

// The prompt says its topic back, logs, fails for the topic "fail" and has no words for "kinds".
Result<void> getPrompt(Request&, std::string_view name, simdjson::dom::object arguments, ListAnswer& answer) {
    if (name != "about") return Error::notFound("unknown prompt \"", name, "\"");
    std::string_view topic;
    if (arguments.at_key("topic").get(topic) != simdjson::SUCCESS)
        return Error::invalidArgument("prompt \"about\" needs the argument \"topic\"");
    answer.describe("Asks about a topic");
    if (topic == "kinds") {
        for (const std::string_view block : {kAudio, kLink, kEmbedded})
            if (auto told = answer.content(concat(R"({"role":"user","content":)", block, "}")); !told) return told;
        return {};
    }
    for (std::uint32_t level : {0U, 1U, 3U})
        if (auto told = answer.log(level, "about", R"({"step":"one"})"); !told) return told;
    if (auto told = answer.text("Tell me about "); !told) return told;
    if (auto told = answer.text(topic); !told) return told;
    if (topic == "fail") return Error::unavailable("the connection broke");
    return answer.content(R"({"role":"assistant","content":{"type":"text","text":"Gladly"}})");
}

#ifdef HOWDAH_TSAN  // which looks for races in each word that a library sends
constexpr std::size_t kLargeText = 200U << 10;
#else
constexpr std::size_t kLargeText = 3U << 20;
#endif

Result<void> readResource(Request&, std::string_view uri, ListAnswer& answer) {
    if (uri == "note:///large") {
        answer.of(uri, "text/plain", {});
        return answer.text(std::string(kLargeText, 'x'));
    }
    if (uri != "note:///1" && uri != "note:///empty") return Error::notFound("no resource has the URI \"", uri, "\"");
    answer.of(uri, "text/plain", {});
    return uri == "note:///1" ? answer.text("buy \"milk\"") : Result<void>();
}

// No template here has a list of its own; tests/integration shows those that have.
Result<void> listResources(Request&, const ResourceTemplate& resource, std::string_view, Answer&) {
    return Error::internal("nobody lists ", resource.uri.text());
}

Result<void> complete(Request&, const CompletionTarget& target, simdjson::dom::object params, Answer& answer) {
    if (target.name == "nothing") return {};
    if (target.name != "about") return Error::notFound("unknown prompt \"", target.name, "\"");
    std::string_view typed;
    if (params.at_pointer("/argument/value").get(typed) != simdjson::SUCCESS) return Error::internal("no value");
    if (typed == "many" || typed == "broken") {
        std::string values = typed == "many" ? "" : "1,";
        for (int i = 0; i < 101; ++i)
            values += concat(i == 0 ? "" : ",", "\"v", i, '"');
        return answer.structured(concat(typed == "many" ? R"({"values":[)" : "{", values, "]}"));
    }
    return answer.structured(concat(R"({"values":[")", typed, R"(thon"],"total":1,"hasMore":false})"));
}

Result<void> connectClient(Request&) {
    ++greetings;
    if (denying) return Error::refused("not today");
    return {};
}

namespace test {

GenerationPin fakeGeneration(bool extra, bool extra_prompt) {
    auto generation = std::make_shared<Generation>();
    for (const auto& [name, handler] : kHandlers) {
        if (name == "zebra" && !extra) continue;
        Tool tool;
        tool.name = name;
        tool.listing = concat(R"({"name":")", name, R"(","description":"a test","inputSchema":{"type":"object"}})");
        if (name == "limited") {
            tool.arguments = *Schema::compile(Json::parse(
                R"({"type":"object","properties":{"limit":{"type":"integer"}},"additionalProperties":false})"));
        }
        if (name == "large") tool.task_support = TaskSupport::optional;
        // Both give {"a":"b"}.
        if (name == "promises" || name == "lies") {
            tool.output = *Schema::compile(Json::parse(concat(R"({"type":"object","properties":{"a":{"type":")",
                                                              name == "lies" ? "integer" : "string", R"("}}})")));
        }
        generation->tools.push_back(std::move(tool));
    }
    for (const Tool& tool : generation->tools) {
        generation->tools_by_name.emplace(tool.name, &tool);
        generation->tools_list.push_back({tool.name, tool.listing});
    }
    generation->prompts_list = {{"about", R"({"name":"about","arguments":[{"name":"topic","required":true}]})"}};
    if (extra_prompt) generation->prompts_list.push_back({"more", R"({"name":"more"})"});
    generation->resources_list = {{"note:///1", R"({"uri":"note:///1","name":"the first"})"},
                                  {"note:///2", R"({"uri":"note:///2","name":"the second"})"},
                                  {"note:///3", R"({"uri":"note:///3","name":"the third"})"}};
    generation->resource_templates_list = {{"note:///{id}", R"({"uriTemplate":"note:///{id}","name":"notes"})"}};
    return generation;
}

int Greetings::count() {
    return greetings;
}
void Greetings::reset() {
    greetings = 0;
    denying = false;
}
void Greetings::deny(bool denied) {
    denying = denied;
}

}  // namespace test
}  // namespace howdah::kernel
