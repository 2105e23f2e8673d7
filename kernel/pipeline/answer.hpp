// Where a tool's answer goes, piece by piece. The protocol room implements it: it writes the envelope around the pieces
// and hands the bytes to the transport, so rows are escaped once and never copied into a JSON tree.
//
// Threads: the request's fiber; each call may park it while a slow client catches up.
// Errors:  cancelled when the client is gone; the tool then returns promptly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::kernel {

class Request;
struct CacheHint;

class Answer {
public:
    virtual ~Answer() = default;
    // Appends to the current text block (opened when needed).
    virtual Result<void> text(std::string_view bytes) = 0;
    // Appends raw JSON to structuredContent; ends the content array. Dropped where the client's revision lacks it.
    virtual Result<void> structured(std::string_view json) = 0;
    // A whole content block as raw JSON; ends the current text block.
    virtual Result<void> content(std::string_view json) = 0;
    // A progress notification; dropped when the client did not ask for progress.
    virtual Result<void> progress(double done, double total, std::string_view message) = 0;
    virtual bool wantsProgress() const = 0;
    // A log message; dropped when the client did not ask for that level (0 debug .. 7 emergency). `data` is JSON.
    virtual Result<void> log(std::uint32_t level, std::string_view logger, std::string_view data) = 0;
    // Questions to the client, as howdah_call_v1.ask describes them; refused where none can be asked.
    virtual Result<std::string> ask(Request& request, std::string_view questions) {
        (void)request;
        (void)questions;
        return Error::refused("no question can be asked here");
    }
    // As howdah_call_v1.continue_as_task describes it; what is no tool goes on as it is.
    virtual Result<void> continueAsTask(Request& request) {
        (void)request;
        return {};
    }
    virtual bool isTask() const { return false; }
};

// The answer of what gives a list of elements: a prompt its messages, a resource its contents.
class ListAnswer : public Answer {
public:
    virtual void describe(std::string_view description) = 0;  // of the prompt
    // What text() belongs to, and how long it holds.
    virtual void of(std::string_view uri, std::string_view mime_type, const CacheHint& cache) = 0;
};

}  // namespace howdah::kernel
