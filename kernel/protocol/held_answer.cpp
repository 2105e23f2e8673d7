#include "kernel/protocol/held_answer.hpp"

#include <utility>

#include <howdah/json_text.hpp>

#include "kernel/protocol/content_kinds.hpp"
#include "kernel/protocol/errors.hpp"

namespace howdah::kernel {

void HeldAnswer::of(std::string_view uri, std::string_view mime_type, const CacheHint& cache) {
    cache_ = cache;
    appendJsonString(uri_, uri);
    if (!mime_type.empty()) appendJsonString(mime_, mime_type);
}

Result<void> HeldAnswer::text(std::string_view bytes) {
    if (!in_text_) {
        beginElement();
        if (uri_.empty()) {
            elements_ += R"({"role":"user","content":{"type":"text","text":")";
        } else {
            elements_ += concat(R"({"uri":)", uri_, mime_.empty() ? "" : ",\"mimeType\":", mime_, ",\"text\":\"");
        }
        in_text_ = true;
    }
    if (head_.empty()) {
        escaper_.append(elements_, bytes);
        return withinLimit();
    }
    // In slices, so that what is held stays small however large a piece is.
    while (bytes.size() > kSlice) {
        escaper_.append(elements_, bytes.substr(0, kSlice));
        bytes.remove_prefix(kSlice);
        if (auto sent = sendText(); !sent) return sent;
    }
    escaper_.append(elements_, bytes);
    return sendText();
}

Result<void> HeldAnswer::sendText() {
    if (elements_.size() < kHeldText) return {};
    if (!streamed_) elements_.insert(0, head_);
    streamed_ = true;
    Result<void> written = sink_.write(elements_);
    elements_.clear();
    return written;
}

// A failed write means the client has gone; there is nobody left to tell.
void HeldAnswer::endStream(std::string_view tail) {
    endText();
    elements_ += tail;
    (void)sink_.write(elements_);
}

void HeldAnswer::endStream(std::string_view tail, const Error& error) {
    if (!in_text_) return endStream(tail);
    escaper_.append(elements_, concat("\nerror: this is not the whole resource: ", error.message, "\n"));
    structured_ = concat(R"({"howdah/error":)", errorJson(error), "}");
    endStream(tail);
}

Result<void> HeldAnswer::content(std::string_view json) {
    beginElement();
    // Of a prompt; the contents of a resource are of no kind.
    const auto older = uri_.empty() ? inOlderKinds(revision_, json) : std::nullopt;
    appendJsonLine(elements_, older ? *older : json);
    return withinLimit();
}

Result<void> HeldAnswer::structured(std::string_view json) {
    appendJsonLine(structured_, json);
    return withinLimit();
}

std::string_view HeldAnswer::elements() {
    if (!any_element_ && !uri_.empty()) (void)text({});
    endText();
    return elements_;
}

void HeldAnswer::beginElement() {
    endText();
    if (any_element_) elements_ += ',';
    any_element_ = true;
}

void HeldAnswer::endText() {
    if (!in_text_) return;
    escaper_.finish(elements_);
    elements_ += '"';
    if (uri_.empty()) {
        elements_ += "}}";
    } else {
        if (!structured_.empty()) elements_ += concat(",\"_meta\":", std::exchange(structured_, {}));
        elements_ += '}';
    }
    in_text_ = false;
}

Result<void> HeldAnswer::withinLimit() const {
    if (elements_.size() + structured_.size() <= bytes_max_) return {};
    return Error::unavailable("the answer is larger than ", bytes_max_, " bytes; ask for a smaller part");
}

}  // namespace howdah::kernel
