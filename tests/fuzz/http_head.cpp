// The head of an HTTP request and a chunked body behind it. However the bytes are cut on their way, the outcome is the
// same; and whatever comes out has passed the checks on Host, Origin and types without a crash.
#include "kernel/transport/http_head.hpp"

#include <algorithm>
#include <optional>

#include "fuzz/input.hpp"
#include "kernel/transport/http_checks.hpp"

using namespace howdah::kernel;
using howdah::fuzz::must;

namespace {

constexpr HttpLimits kLimits{.head_bytes_max = 2048,
                             .line_bytes_max = 1024,
                             .fields_max = 20,
                             .body_bytes_max = 4096,
                             .chunk_extension_bytes_max = 16};

struct Outcome {
    int status = 0;  // of a refusal
    std::size_t head_bytes = 0;
    bool done = false;
    std::string body;
    bool operator==(const Outcome&) const = default;
};

// `step` bytes arrive at a time.
Outcome read(std::string_view bytes, std::size_t step, const HttpChecks& checks) {
    Outcome outcome;
    HeadScanner scanner;
    std::optional<HttpRefusal> refusal;
    std::size_t there = 0;
    while (outcome.head_bytes == 0 && !refusal && there < bytes.size()) {
        there = std::min(there + step, bytes.size());
        outcome.head_bytes = scanner.scan(bytes.substr(0, there), kLimits, refusal);
    }
    HttpRequestParser parser(kLimits);
    if (!refusal && outcome.head_bytes > 0) refusal = parser.parse(bytes.substr(0, outcome.head_bytes));
    if (refusal || outcome.head_bytes == 0) {
        outcome.status = refusal ? refusal->status : 0;
        outcome.head_bytes = 0;
        return outcome;
    }
    const HttpHead& head = parser.head();
    must(!head.chunked || head.content_length == 0, "chunks or a length");
    if (auto refused = checks.source(head)) outcome.status = refused->status;
    static_cast<void>(checks.endpoint(head));
    static_cast<void>(HttpChecks::post(head));
    if (!head.chunked || outcome.status != 0) return outcome;
    std::string unread;
    std::size_t at = outcome.head_bytes;
    while (!parser.bodyDone()) {
        std::size_t consumed = 0;
        if (auto refused = parser.parseChunks(unread, consumed)) {
            outcome.status = refused->status;
            return outcome;
        }
        unread.erase(0, consumed);
        if (parser.bodyDone() || at == bytes.size()) break;
        const std::size_t now = std::min(step, bytes.size() - at);
        unread += bytes.substr(at, now);
        at += now;
    }
    must(parser.chunkedBody().size() <= kLimits.body_bytes_max, "a body is bounded");
    outcome.done = parser.bodyDone();
    if (outcome.done) outcome.body = parser.chunkedBody();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const HttpChecks checks([] {
        HttpChecks::Config config;
        config.ports = {8642};
        config.allowed_hosts = {"howdah.example"};
        return config;
    }());
    const std::string text(howdah::fuzz::textOf(bytes, size));
    const Outcome whole = read(text, std::max<std::size_t>(size, 1), checks);
    for (std::size_t step : {std::size_t{1}, std::size_t{7}}) {
        const Outcome parts = read(text, step, checks);
        must(parts.done == whole.done && parts.body == whole.body, "the same body, however it is cut");
        must(parts.head_bytes == whole.head_bytes, "the same head, however it is cut");
    }
    return 0;
}
