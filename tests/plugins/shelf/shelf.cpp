// Notes as resources: put_note writes and takes away, note://{name} lists them three to a page, page://{number} always
// has two. With "lie" the list is what a plugin must not give.
#include <map>
#include <mutex>
#include <string>

#include <howdah/plugin.hpp>

namespace {

using namespace howdah;

class Shelf final : public Plugin {
public:
    Result<void> configure(const Json& section) override {
        lie_ = section.value("lie", "");
        return {};
    }

    Result<void> start(Offer& offer) override {
        offer.bind("put_note", [this](ToolCall& call) { return put(call); });
        offer.bindResource("shelf://rules", [](ResourceCall& call) { return call.writeText("Be brief."); });
        offer.bindResource("note://{name}", [this](ResourceCall& call) { return read(call); });
        offer.bindResource("page://{number}", [](ResourceCall& call) { return call.writeText(call.text("number")); });
        offer.bindResourceList(
            "note://{name}", [this](ResourceListCall& call) { return lie_.empty() ? list(call) : listWrongly(call); });
        offer.bindResourceList("page://{number}", [](ResourceListCall& call) {
            if (auto added = call.add("page://1", "page 1"); !added) return added;
            return call.add("page://2", "page 2");
        });
        return {};
    }

private:
    static constexpr std::size_t kPage = 3;

    Result<void> put(ToolCall& call) {
        const std::string name(call.text("name"));
        bool lists_change = false;
        {
            std::lock_guard lock(mutex_);
            const std::size_t before = notes_.size();
            if (call.has("text")) {
                notes_[name] = call.text("text");
            } else {
                notes_.erase(name);
            }
            lists_change = notes_.size() != before;
        }
        if (lists_change) host().resourceListChanged();
        host().resourceUpdated("note://" + name);
        return call.writeText("done");
    }

    Result<void> read(ResourceCall& call) {
        std::lock_guard lock(mutex_);
        auto found = notes_.find(std::string(call.text("name")));
        if (found == notes_.end()) return Error::notFound("there is no note ", call.text("name"));
        return call.writeText(found->second);
    }

    Result<void> list(ResourceListCall& call) {
        std::lock_guard lock(mutex_);
        auto note = notes_.lower_bound(std::string(call.cursor()));
        for (std::size_t count = 0; note != notes_.end(); ++note, ++count) {
            if (count == kPage) return call.goOnAt(note->first);
            auto added = call.add("note://" + note->first, note->first, {{"size", note->second.size()}});
            if (!added) return added;
        }
        return {};
    }

    Result<void> listWrongly(ResourceListCall& call) {
        if (lie_ == "fails") return Error::unavailable("the shelf is locked").withHint("unlock it");
        if (lie_ == "foreign") return call.add("file:///etc/passwd", "passwd");
        if (lie_ == "nameless") return raw(call, R"({"uri":"note://x"})");
        if (lie_ == "no_json") return raw(call, R"({"uri":"note://x","name":"x"}],"injected":[)");
        if (lie_ == "cursor") return call.goOnAt("");
        for (std::size_t i = 0; i <= ResourceListCall::kEntriesMax; ++i)
            if (auto added = call.add("note://" + std::to_string(i), "note"); !added) return added;
        return {};
    }

    static Result<void> raw(ResourceListCall& call, std::string_view json) {
        const Context& context = call.context();
        return context.check(context.host().call().content(context.raw(), call.raw(), toAbi(json)));
    }

    std::string lie_;
    std::mutex mutex_;
    std::map<std::string, std::string> notes_;
};

}  // namespace

HOWDAH_PLUGIN(Shelf)
