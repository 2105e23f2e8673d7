#include "tests/kernel/protocol/fake_tools.hpp"

#include <atomic>
#include <map>

#include <howdah/json_text.hpp>

#include "kernel/pipeline/tool_call.hpp"
#include "kernel/runtime/event.hpp"

namespace howdah::kernel {

// The pipeline's is not linked here and no tool of this file queries.
class QueryRun {};

namespace {

using Handler = Result<void> (*)(Request&, simdjson::dom::element, Answer&);

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

const std::map<std::string, Handler, std::less<>> kHandlers = {
    {"echo", echo},        {"rows", rows},       {"only_structured", onlyStructured},
    {"pretty", pretty},    {"limited", echo},    {"sql_error", sqlError},
    {"denied", denied},    {"missing", missing}, {"bad_value", badValue},
    {"slow", slow},        {"steps", steps},     {"large", large},
    {"half_way", halfWay}, {"zebra", echo},
};

}  // namespace

Request::Request() : id(1), principal(nullptr) {}
Request::~Request() = default;

Result<void> callTool(Request& request, std::string_view name, simdjson::dom::element arguments, Answer& answer) {
    auto found = request.generation->tools_by_name.find(name);
    if (found == request.generation->tools_by_name.end()) return Error::notFound("unknown tool \"", name, "\"");
    if (auto wrong = found->second->arguments.validate(arguments))
        return Error::invalidArgument("arguments", wrong->pointer, ": ", wrong->message);
    return kHandlers.find(name)->second(request, arguments, answer);
}

Result<void> connectClient(Request&) {
    ++greetings;
    if (denying) return Error::refused("not today");
    return {};
}

namespace test {

GenerationPin fakeGeneration(bool extra) {
    auto generation = std::make_shared<Generation>();
    for (const auto& [name, handler] : kHandlers) {
        if (name == "zebra" && !extra) continue;
        Tool tool{.name = name};
        tool.listing = concat(R"({"name":")", name, R"(","description":"a test","inputSchema":{"type":"object"}})");
        if (name == "limited") {
            tool.arguments = *Schema::compile(Json::parse(
                R"({"type":"object","properties":{"limit":{"type":"integer"}},"additionalProperties":false})"));
        }
        generation->tools.push_back(std::move(tool));
    }
    for (const Tool& tool : generation->tools) {
        generation->tools_by_name.emplace(tool.name, &tool);
        if (!generation->tools_json.empty()) generation->tools_json += ',';
        generation->tools_json += tool.listing;
    }
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
