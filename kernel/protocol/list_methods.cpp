// tools/list, prompts/list, resources/list, resources/templates/list: one way to page through a sorted list.
#include <algorithm>
#include <string>
#include <string_view>

#include "kernel/protocol/handling.hpp"
#include "kernel/protocol/methods.hpp"
#include "kernel/protocol/router.hpp"

namespace howdah::kernel {
namespace {

// Appends the entries of one page; the cursor of the next page, "" after the last.
std::string appendPage(std::string& json, const std::vector<Listed>& list, std::string_view after,
                       const Exchange& exchange) {
    auto entry = std::ranges::upper_bound(list, after, {}, &Listed::key);
    if (after.empty()) entry = list.begin();
    for (std::size_t count = 0; entry != list.end(); ++entry, ++count) {
        if (count == exchange.options().page_max) return cursorAfter(std::prev(entry)->key);
        if (count > 0) json += ',';
        json += entry->json;
        // One revision says it in the list; later ones leave it to the server.
        if (exchange.revision == Revision::v2025_11_25 && entry->task_support != TaskSupport::forbidden) {
            json.back() = ',';
            json += concat(R"("execution":{"taskSupport":")",
                           entry->task_support == TaskSupport::required ? "required" : "optional", "\"}}");
        }
    }
    return {};
}

void answerList(Exchange& exchange, std::string_view member_name, std::vector<Listed> Generation::* list) {
    auto after = cursorOf(exchange);
    if (!after) return;
    if (!greetIfNew(exchange)) return;
    std::string json = concat('"', member_name, "\":[");
    GenerationPin generation = exchange.generations().pin();
    std::string next;
    if (generation) next = appendPage(json, (*generation).*list, *after, exchange);
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
