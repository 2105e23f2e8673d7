#include "kernel/protocol/tool_answer.hpp"

#include <howdah/json_text.hpp>

#include "kernel/protocol/content_kinds.hpp"

namespace howdah::kernel {

Result<void> ToolAnswer::text(std::string_view bytes) {
    if (auto open = stillOpen(); !open) return open;
    if (!structured_.empty()) return Error::internal("text after structured content");
    if (!in_text_) {
        beginBlock();
        buffer_ += R"({"type":"text","text":")";
        in_text_ = true;
    }
    // In slices, so that the buffer stays small however large a piece is.
    while (bytes.size() > kTextSlice) {
        escaper_.append(buffer_, bytes.substr(0, kTextSlice));
        bytes.remove_prefix(kTextSlice);
        if (auto flushed = flush(); !flushed) return flushed;
    }
    escaper_.append(buffer_, bytes);
    return flush();
}

Result<void> ToolAnswer::structured(std::string_view json) {
    if (auto open = stillOpen(); !open) return open;
    // A revision without structuredContent still needs it as text when the tool writes nothing else.
    if (!hasStructuredContent(settings_.revision) && any_block_) return {};
    if (structured_.size() + json.size() > settings_.structured_max) {
        return Error::internal("structured content larger than ", settings_.structured_max,
                               " bytes, large results belong into the text");
    }
    appendJsonLine(structured_, json);
    return {};
}

Result<void> ToolAnswer::content(std::string_view json) {
    if (auto open = stillOpen(); !open) return open;
    if (!structured_.empty()) return Error::internal("content after structured content");
    beginBlock();
    const auto older = inOlderKinds(settings_.revision, json);
    appendJsonLine(buffer_, older ? *older : json);
    return flush();
}

Result<void> ToolAnswer::progress(double done, double total, std::string_view message) {
    return notices_.progress(done, total, message);
}

Result<void> ToolAnswer::log(std::uint32_t level, std::string_view logger, std::string_view data) {
    return notices_.log(level, logger, data);
}

// A handler that goes on after its question writes nothing: the answer is the question.
Result<void> ToolAnswer::stillOpen() const {
    if (settings_.questions && settings_.questions->inputRequired()) return Error::cancelled(kClientIsAsked);
    if (becomes_task_) return Error::cancelled(kBecomesTask);
    return {};
}

Result<std::string> ToolAnswer::ask(Request& request, std::string_view questions) {
    if (begun()) return Error::internal("a question after the answer has begun; ask first");
    return settings_.questions->ask(request, questions);
}

Result<void> ToolAnswer::continueAsTask(Request& request) {
    if (settings_.task_support == TaskSupport::forbidden)
        return Error::internal("a tool that becomes a task says so in plugin.json: \"taskSupport\": \"optional\"");
    if (!settings_.client_takes_tasks) return {};
    if (begun() || request.has_written) return Error::internal("a call becomes a task before it acts or answers");
    becomes_task_ = true;
    request.client_asked = true;
    return Error::cancelled(kBecomesTask);
}

Result<void> ToolAnswer::checkStructured(const Tool& tool) const {
    if (!tool.output || structured_.empty()) return {};
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    if (parser.parse(structured_).get(json))
        return Error::internal("the structured content of tool \"", tool.name, "\" is not JSON");
    if (auto wrong = tool.output->validate(json)) {
        return Error::internal("the structured content of tool \"", tool.name,
                               "\" does not fit its outputSchema: ", wrong->pointer, ": ", wrong->message);
    }
    return {};
}

Result<void> ToolAnswer::finish() {
    if (!any_block_ && !structured_.empty()) {
        std::string only = std::move(structured_);
        structured_.clear();
        if (auto written = text(only); !written) return written;
        structured_ = std::move(only);
    }
    close(false);
    return flush();
}

Result<void> ToolAnswer::finishWithError(const Error& error, std::string_view statement) {
    structured_.clear();
    endText();
    if (auto written = text(errorText(error, statement)); !written) return written;
    // Not in structuredContent: that must fit the tool's outputSchema, and clients check it in failures too.
    error_ = errorJson(error);
    close(true);
    return flush();
}

void ToolAnswer::open() {
    if (opened_) return;
    opened_ = true;
    buffer_.reserve(1024);
    if (!settings_.id.empty()) {
        buffer_ += R"({"jsonrpc":"2.0","id":)";
        buffer_ += settings_.id;
        buffer_ += R"(,"result":)";
    }
    buffer_ += isModern(settings_.revision) ? R"({"resultType":"complete","content":[)" : R"({"content":[)";
}

void ToolAnswer::beginBlock() {
    open();
    endText();
    if (any_block_) buffer_ += ',';
    any_block_ = true;
}

void ToolAnswer::endText() {
    if (!in_text_) return;
    escaper_.finish(buffer_);
    buffer_ += "\"}";
    in_text_ = false;
}

void ToolAnswer::close(bool is_error) {
    open();
    endText();
    buffer_ += ']';
    if (!structured_.empty() && hasStructuredContent(settings_.revision)) {
        buffer_ += ",\"structuredContent\":";
        buffer_ += structured_;
    }
    buffer_ += is_error ? ",\"isError\":true" : ",\"isError\":false";
    if (is_error) {
        buffer_ += ",\"_meta\":{\"howdah/error\":";
        buffer_ += error_;
        if (settings_.meta.empty()) {
            buffer_ += '}';
        } else {
            buffer_ += ',';
            buffer_ += std::string_view(settings_.meta).substr(1);
        }
    } else if (!settings_.meta.empty()) {
        buffer_ += ",\"_meta\":";
        buffer_ += settings_.meta;
    }
    buffer_ += settings_.id.empty() ? "}" : "}}";
    closed_ = true;
}

Result<void> ToolAnswer::flush() {
    if (!closed_ && buffer_.size() < kFlushAt) return {};
    sent_ = true;
    Result<void> written = sink_.write(buffer_);
    buffer_.clear();
    return written;
}

}  // namespace howdah::kernel
