#include "result_file.hpp"

#include <utility>

#include <howdah/content.hpp>
#include <howdah/parameters.hpp>
#include <howdah/reply.hpp>

namespace howdah::query {
namespace {

constexpr std::string_view kFilePurpose = "result";
constexpr std::uint64_t kPreviewRows = 5;

std::string_view mimeOf(std::string_view format) {
    if (format == "csv") return "text/csv";
    return format == "ndjson" ? "application/x-ndjson" : "application/json";
}

}  // namespace

Result<void> replyWithLink(ToolCall& call, Ask ask, const Config& config) {
    if (ask.format == "markdown") {
        return Error::invalidArgument("a resource is csv, json or ndjson, not markdown").withHint("give format: csv");
    }
    if (ask.format.empty()) ask.format = "json";
    // All the rows the operator allows, unless fewer were asked for.
    if (!call.has("max_rows")) ask.rows_max = config.rows_limit;
    const std::string handle = ask.sealed(call.context(), kFilePurpose, config.next_ttl_ms);
    if (handle.empty()) {
        return Error::invalidArgument("statement and params have more than ", kStateMax,
                                      " bytes, too long for a link to their result")
            .withHint("ask for the rows as text and go on with next, or make a view of it");
    }
    const std::string uri = concat("howdah-result:///", handle, "/rows.", ask.format);

    const Parameters parameters(ask.params);
    QueryLimits limits = ask.limits();
    limits.rows_max = std::min(kPreviewRows, ask.rows_max);
    auto rows = call.query(ask.sql, parameters.values(), ask.database, limits);
    if (!rows) return std::move(rows).error();
    if (call.protocol() >= "2025-06-18") {  // earlier ones know no links; it stands in the text besides
        Json link = resourceLink(uri, concat("rows.", ask.format));
        link["mimeType"] = mimeOf(ask.format);
        link["description"] =
            concat("the rows of the query, up to ", ask.rows_max, ", for ", config.next_ttl_ms / 1000, " s");
        if (auto done = call.writeContent(link); !done) return done;
    }
    ReplyOptions options;
    options.cut_note = "these are the first rows only";
    options.more = [&]() -> Result<ReplyMore> {
        return ReplyMore{Json{{"uri", uri}, {"mime_type", mimeOf(ask.format)}},
                         concat("read the resource for the rows, up to ", ask.rows_max, ", within ",
                                config.next_ttl_ms / 1000, " s: the statement runs again")};
    };
    return howdah::reply(call, *rows, options);
}

Result<void> readFile(ResourceCall& call, std::string_view format, const Config& config) {
    auto ask = Ask::opened(call.context(), kFilePurpose, call.text("handle"));
    if (!ask) return std::move(ask).error();
    if (ask->format != format) return Error::notFound("unknown or expired handle").withHint(kRunAgain);
    ask->rows_max = std::min(ask->rows_max, config.rows_limit);  // the operator may have changed it since
    const Parameters parameters(ask->params);
    auto rows = call.query(ask->sql, parameters.values(), ask->database, ask->limits());
    if (!rows) return std::move(rows).error();
    ReplyOptions options;
    options.format = replyFormat(format);
    options.rows_asked = ask->rows_max;
    options.rows_limit = config.rows_limit;
    return howdah::replyAsFile(call, *rows, options);
}

}  // namespace howdah::query
