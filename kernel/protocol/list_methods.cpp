// tools/list, prompts/list, resources/list, resources/templates/list: one way to page through a sorted list, and what
// plugins list themselves after it.
#include <algorithm>
#include <string>
#include <string_view>

#include "kernel/host/instance.hpp"
#include "kernel/pipeline/calls.hpp"
#include "kernel/protocol/held_call.hpp"
#include "kernel/protocol/methods.hpp"

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

// What a list may be kept for. It is the same for everybody unless plugins made it, but where clients must authenticate
// it is nobody else's business.
std::string listHints(const Exchange& exchange, bool made_by_plugins) {
    if (!exchange.modern()) return {};
    return cacheHints(exchange.options().list_ttl, made_by_plugins || exchange.authenticated());
}

std::string nextCursorMember(std::string_view cursor) {
    return cursor.empty() ? std::string() : concat(R"(,"nextCursor":")", cursor, '"');
}

void answerList(Exchange& exchange, std::string_view member_name, std::vector<Listed> Generation::* list) {
    auto after = cursorOf(exchange);
    if (!after) return;
    if (!greetIfNew(exchange)) return;
    std::string json = concat('"', member_name, "\":[");
    GenerationPin generation = exchange.generations().pin();
    std::string next;
    if (generation) next = appendPage(json, (*generation).*list, *after, exchange);
    exchange.answer({json, "]", nextCursorMember(next), listHints(exchange, false)});
}

// One page of resources/list where plugins list what their templates stand for: those of plugin.json first, then the
// pages of one template's plugin after the other.
class ResourcePage {
public:
    ResourcePage(const Exchange& exchange, std::string after) : exchange_(exchange), after_(std::move(after)) {}

    Result<void> fill(Request& request, HeldAnswer& answer) {
        const auto& templates = request.generation->resource_templates;
        auto lister = templates.begin();
        std::string_view cursor;
        if (after_.starts_with(kListerMark)) {
            const std::string_view place = std::string_view(after_).substr(1);
            const std::size_t mark = place.find(kListerMark);
            lister =
                std::ranges::find(templates, place.substr(0, mark), [](const auto& one) { return one.uri.text(); });
            if (mark == std::string_view::npos || lister == templates.end() || !lister->list)
                return Error::invalidArgument("unknown cursor; resources/list without one begins at the first page");
            cursor = place.substr(mark + 1);
        } else {
            next_ = appendPage(entries_, request.generation->resources_list, after_, exchange_);
            lister = std::ranges::find_if(templates, lists);
            if (!next_.empty() || lister == templates.end()) return {};
        }
        if (auto listed = listResources(request, *lister, cursor, answer); !listed) return listed;
        if (auto taken = take(*lister, answer); !taken) return taken;
        auto other = std::find_if(std::next(lister), templates.end(), lists);
        if (next_.empty() && other != templates.end()) next_ = cursorOfLister(*other, {});
        return {};
    }

    void reply(Exchange& exchange) const {
        exchange.answer({R"("resources":[)", entries_, "]", nextCursorMember(next_), listHints(exchange, true)});
    }

    static bool lists(const ResourceTemplate& resource) { return static_cast<bool>(resource.list); }

private:
    static constexpr char kListerMark = '\n';  // no URI has one
    static constexpr std::size_t kCursorMax = 4096;

    static std::string cursorOfLister(const ResourceTemplate& resource, std::string_view cursor) {
        return cursorAfter(concat(kListerMark, resource.uri.text(), kListerMark, cursor));
    }

    // Clients get resources of that template, each with the names the protocol wants, whatever the plugin has written.
    Result<void> take(const ResourceTemplate& resource, HeldAnswer& answer) {
        const auto wrong = [&](auto&&... what) {
            return Error::internal("the list of \"", resource.uri.text(), "\" by plugin \"", resource.instance->id(),
                                   "\" ", what...);
        };
        simdjson::dom::parser parser;
        const std::string array = concat('[', answer.elements(), ']');
        simdjson::dom::array listed;
        if (parser.parse(array).get(listed) != simdjson::SUCCESS) return wrong("is no JSON");
        if (listed.size() > exchange_.options().page_max)
            return wrong("has ", listed.size(), " entries in one page, ", exchange_.options().page_max, " are allowed");
        for (simdjson::dom::element entry : listed) {
            std::string_view uri;
            std::string_view name;
            if (entry["uri"].get(uri) != simdjson::SUCCESS || entry["name"].get(name) != simdjson::SUCCESS)
                return wrong("has an entry without uri or name");
            if (!resource.uri.match(uri)) return wrong("has \"", uri, "\", which is none of it");
        }
        if (listed.size() > 0) {
            if (!entries_.empty()) entries_ += ',';
            entries_ += answer.elements();
        }
        if (answer.structured().empty()) return {};
        simdjson::dom::element more;
        std::string_view cursor;
        if (parser.parse(std::string(answer.structured())).get(more) != simdjson::SUCCESS ||
            more["nextCursor"].get(cursor) != simdjson::SUCCESS || cursor.empty() || cursor.size() > kCursorMax)
            return wrong("goes on at no cursor of 1 to ", kCursorMax, " bytes");
        next_ = cursorOfLister(resource, cursor);
        return {};
    }

    const Exchange& exchange_;
    const std::string after_;  // what the client's cursor names
    std::string entries_;
    std::string next_;
};

}  // namespace

void toolsList(Exchange& exchange) {
    answerList(exchange, "tools", &Generation::tools_list);
}
void promptsList(Exchange& exchange) {
    answerList(exchange, "prompts", &Generation::prompts_list);
}
void resourcesList(Exchange& exchange) {
    {
        GenerationPin generation = exchange.generations().pin();
        if (!generation || std::ranges::none_of(generation->resource_templates, ResourcePage::lists))
            return answerList(exchange, "resources", &Generation::resources_list);
    }
    auto after = cursorOf(exchange);
    if (!after) return;
    ResourcePage page(exchange, std::move(*after));
    serveHeld(
        exchange, MayAsk::no, [&](Request& request, HeldAnswer& answer) { return page.fill(request, answer); },
        [&](HeldAnswer&) { page.reply(exchange); }, refusalOf);
}
void resourceTemplatesList(Exchange& exchange) {
    answerList(exchange, "resourceTemplates", &Generation::resource_templates_list);
}

}  // namespace howdah::kernel
