#include "plugins/rate_limit/answer.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

namespace howdah::rate_limit {
namespace {

constexpr std::int64_t kMs_ns = 1'000'000;

std::uint64_t waitMs(std::int64_t now_ns, std::int64_t at_ns) {
    return at_ns <= now_ns ? 1 : static_cast<std::uint64_t>((at_ns - now_ns + kMs_ns - 1) / kMs_ns);
}

// Limits are whole numbers; what is used of a bucket is one too for who reads it, never less than it is.
std::int64_t whole(double amount) {
    return static_cast<std::int64_t>(std::ceil(amount - 1e-6));
}

std::string who(const Exceeded& exceeded) {
    const std::string_view kind = exceeded.scope == Scope::tenant ? "tenant " : "principal ";
    std::string text = concat(kind, exceeded.owner);
    if (!exceeded.part.empty()) text += concat(" with ", nameOf(exceeded.scope), " ", exceeded.part);
    return text;
}

std::string perText(const Rate& rate) {
    std::string text =
        concat(whole(rate.amount), " ", rate.measure == Measure::cost ? "of planner cost" : nameOf(rate.measure),
               " per ", nameOf(rate.period));
    if (rate.period == Period::second && rate.burst > rate.amount) text += concat(" (", whole(rate.burst), " at once)");
    return text;
}

}  // namespace

std::string timeText(std::int64_t unix_ns) {
    const std::time_t seconds = unix_ns / kSecond_ns;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Error refusalOf(const Exceeded& exceeded) {
    if (exceeded.too_many_keys) {
        Error error = Error::unavailable("rate_limit counts for ", whole(exceeded.limit), " principals already, and ",
                                         who(exceeded), " is one more; retry in a second")
                          .withHint("the operator can raise rate_limit.keys_max");
        error.rule = "rate_limit.keys_max";
        error.retry_after_ms = waitMs(exceeded.now_ns, exceeded.room_at_ns);
        return error;
    }
    const bool never = exceeded.room_at_ns == kNever;
    const std::uint64_t wait = never ? 0 : waitMs(exceeded.now_ns, exceeded.room_at_ns);
    const std::string next = never ? "it can never pass" : concat("retry in ", wait, " ms");
    Document detail{{"scope", nameOf(exceeded.scope)}};
    if (!exceeded.part.empty()) detail["name"] = exceeded.part;
    Error error;
    if (!exceeded.rate) {
        error = Error::refused(who(exceeded), " has ", whole(exceeded.used), " calls at once, the limit is ",
                               whole(exceeded.limit), "; ", next);
        error.rule = concat("rate_limit.", nameOf(exceeded.scope), ".concurrency");
        detail["exceeded"] = "concurrency";
    } else {
        const Rate& rate = *exceeded.rate;
        error =
            Error::refused(who(exceeded), " may use ", perText(rate), " and has used ", whole(exceeded.used),
                           exceeded.asked > 1 ? concat(", this would take ", whole(exceeded.asked)) : "", "; ", next);
        error.rule = concat("rate_limit.", nameOf(exceeded.scope), ".", nameOf(rate.measure), ".", nameOf(rate.period));
        detail["exceeded"] = nameOf(rate.measure);
        detail["per"] = nameOf(rate.period);
    }
    detail["limit"] = whole(exceeded.limit);
    detail["used"] = whole(exceeded.used);
    if (!never) {
        detail["retry_after_ms"] = wait;
        detail["resets_at"] = timeText(exceeded.room_at_ns);
    }
    error.detail = detail.dump(-1, ' ', false, Document::error_handler_t::replace);
    error.retry_after_ms = wait;
    return std::move(error).withHint(never ? "ask for less" : "get_quota tells every limit and what is left");
}

void addStanding(Document& list, const Applied& applied, const Ledger::Standing& standing) {
    const auto begin = [&] {
        Document item{{"scope", nameOf(applied.key.scope)}};
        if (!applied.key.part.empty()) item["name"] = applied.key.part;
        return item;
    };
    for (std::size_t i = 0; i < standing.rates.size(); ++i) {
        const Rate& rate = applied.limits->rates[i];
        const Ledger::Left& left = standing.rates[i];
        Document item = begin();
        item["of"] = nameOf(rate.measure);
        item["per"] = nameOf(rate.period);
        item["limit"] = whole(rate.amount);
        if (rate.period == Period::second) item["burst"] = whole(rate.burst);
        item["used"] = whole(left.used);
        item["left"] = static_cast<std::int64_t>(std::floor(left.left + 1e-6));
        item["resets_at"] = timeText(left.resets_ns);
        list.push_back(std::move(item));
    }
    if (applied.limits->concurrency == 0) return;
    Document item = begin();
    item["of"] = "concurrency";
    item["limit"] = applied.limits->concurrency;
    item["used"] = standing.open;
    item["left"] = applied.limits->concurrency - std::min(standing.open, applied.limits->concurrency);
    list.push_back(std::move(item));
}

}  // namespace howdah::rate_limit
