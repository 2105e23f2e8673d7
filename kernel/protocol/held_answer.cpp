#include "kernel/protocol/held_answer.hpp"

#include <howdah/json_text.hpp>

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
    escaper_.append(elements_, bytes);
    return withinLimit();
}

Result<void> HeldAnswer::content(std::string_view json) {
    beginElement();
    appendJsonLine(elements_, json);
    return withinLimit();
}

Result<void> HeldAnswer::structured(std::string_view json) {
    appendJsonLine(structured_, json);
    return withinLimit();
}

std::string_view HeldAnswer::elements() {
    if (elements_.empty() && !uri_.empty()) (void)text({});
    endText();
    return elements_;
}

void HeldAnswer::beginElement() {
    endText();
    if (!elements_.empty()) elements_ += ',';
}

void HeldAnswer::endText() {
    if (!in_text_) return;
    escaper_.finish(elements_);
    elements_ += uri_.empty() ? "\"}}" : "\"}";
    in_text_ = false;
}

Result<void> HeldAnswer::withinLimit() const {
    if (elements_.size() + structured_.size() <= bytes_max_) return {};
    return Error::unavailable("the answer is larger than ", bytes_max_, " bytes; ask for a smaller part");
}

}  // namespace howdah::kernel
