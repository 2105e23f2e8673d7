// tools/list, prompts/list, resources/list, resources/templates/list: one way to page through a sorted list.
#include <algorithm>
#include <string>
#include <string_view>

#include <howdah/json_text.hpp>

#include "kernel/base/base64.hpp"
#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"
#include "kernel/protocol/router.hpp"

namespace howdah::kernel {
namespace {

// A cursor names the last entry of the page before it, so that it stays right when entries come and go.
constexpr std::string_view kCursorMark = "after:";

std::string cursorAfter(std::string_view key) {
    return toBase64Url(concat(kCursorMark, key));
}

std::optional<std::string> keyOf(std::string_view cursor) {
    auto text = fromBase64Url(cursor);
    if (!text || !text->starts_with(kCursorMark)) return std::nullopt;
    return text->substr(kCursorMark.size());
}

// Appends the entries of one page; the cursor of the next page, "" after the last.
std::string appendPage(std::string& json, const std::vector<Listed>& list, std::string_view after,
                       std::size_t page_max) {
    auto entry = std::ranges::upper_bound(list, after, {}, &Listed::key);
    if (after.empty()) entry = list.begin();
    for (std::size_t count = 0; entry != list.end(); ++entry, ++count) {
        if (count == page_max) return cursorAfter(std::prev(entry)->key);
        if (count > 0) json += ',';
        json += entry->json;
    }
    return {};
}

void answerList(Exchange& exchange, std::string_view member_name, std::vector<Listed> Generation::* list) {
    std::string after;
    const auto& params = exchange.message.params;
    if (auto cursor = params ? member(*params, "cursor") : std::nullopt; cursor && !cursor->is_null()) {
        std::string_view text;
        auto key = cursor->get(text) == simdjson::SUCCESS ? keyOf(text) : std::nullopt;
        if (!key) {
            return exchange.refuse(badParams(
                concat("unknown cursor; ", exchange.message.method, " without one begins at the first page")));
        }
        after = std::move(*key);
    }
    if (!greetIfNew(exchange)) return;
    std::string json = concat('"', member_name, "\":[");
    GenerationPin generation = exchange.generations().pin();
    std::string next;
    if (generation) next = appendPage(json, (*generation).*list, after, exchange.options().page_max);
    json += ']';
    if (!next.empty()) json += concat(R"(,"nextCursor":")", next, '"');
    if (exchange.modern()) {
        // The list is the same for everybody, but where clients must authenticate it is nobody else's business.
        json += cacheHints(exchange.options().list_ttl, exchange.authenticated());
    }
    exchange.answer({json});
}

}  // namespace

void toolsList(Exchange& exchange) {
    answerList(exchange, "tools", &Generation::tools_list);
}
void promptsList(Exchange& exchange) {
    answerList(exchange, "prompts", &Generation::prompts_list);
}
void resourcesList(Exchange& exchange) {
    answerList(exchange, "resources", &Generation::resources_list);
}
void resourceTemplatesList(Exchange& exchange) {
    answerList(exchange, "resourceTemplates", &Generation::resource_templates_list);
}

}  // namespace howdah::kernel
