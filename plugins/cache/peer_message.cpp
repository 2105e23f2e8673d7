#include "plugins/cache/peer_message.hpp"

#include <algorithm>
#include <charconv>

#include <howdah/result.hpp>

#include "plugins/cache/ledger.hpp"

namespace howdah::cache {
namespace {

// Takes words off the front; once one does not fit, all that follow are nothing.
class Words {
public:
    explicit Words(std::string_view text) : rest_(text) {}

    std::string_view word(char end = ' ') {
        const std::size_t at = std::min(rest_.find(end), rest_.size());
        const std::string_view taken = rest_.substr(0, at);
        ended_ = at == rest_.size();
        rest_.remove_prefix(ended_ ? at : at + 1);
        sound_ = sound_ && !taken.empty();
        return taken;
    }
    template <typename Number>
    Number number(char end = ' ') {
        const std::string_view digits = word(end);
        Number value = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        sound_ = sound_ && read.ec == std::errc() && read.ptr == digits.data() + digits.size();
        return value;
    }
    bool hasMore() const { return sound_ && !ended_; }
    bool isSound() const { return sound_ && ended_; }

private:
    std::string_view rest_;
    bool sound_ = true;
    bool ended_ = false;
};

}  // namespace

bool isPeerName(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), fits);
}

std::string membersText(const std::vector<std::string>& members) {
    std::string text;
    for (const std::string& member : members)
        text += concat(text.empty() ? "" : " ", member);
    return text;
}

std::optional<std::vector<std::string>> membersIn(std::string_view text) {
    std::vector<std::string> members;
    if (text.empty()) return members;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t end = std::min(text.find(' ', from), text.size());
        const std::string_view name = text.substr(from, end - from);
        if (!isPeerName(name) || members.size() == kMembersMax) return std::nullopt;
        members.emplace_back(name);
        from = end + 1;
    }
    return members;
}

std::string begunText(std::uint64_t number, const WriteMessage& write) {
    std::string text = concat("b ", number, ' ', write.instance, ' ', write.database, ' ', write.flags, ' ');
    for (std::size_t i = 0; i < write.slots.size(); ++i)
        text += concat(i == 0 ? "" : ",", write.slots[i]);
    return text;
}

std::string endedText(std::uint64_t number, bool settled) {
    return concat("e ", number, settled ? " 1" : " 0");
}

std::string heardText(std::uint64_t number, std::string_view member) {
    return concat("a ", number, ' ', member);
}

std::optional<PeerMessage> peerMessage(std::string_view text) {
    Words words(text);
    const std::string_view kind = words.word();
    PeerMessage message;
    message.number = words.number<std::uint64_t>();
    if (kind.size() != 1 || message.number == 0) return std::nullopt;
    message.kind = kind[0];
    switch (message.kind) {
        case 'b':
            message.write.instance = words.word();
            message.write.database = words.number<std::uint32_t>();
            message.write.flags = words.number<std::uint32_t>();
            if (!words.hasMore() || !isPeerName(message.write.instance)) return std::nullopt;
            while (words.hasMore()) {
                const auto slot = words.number<std::uint32_t>(',');
                if (slot >= Ledger::kSlots || message.write.slots.size() == WriteMessage::kSlotsMax)
                    return std::nullopt;
                message.write.slots.push_back(slot);
            }
            break;
        case 'e': {
            const std::string_view settled = words.word();
            if (settled != "0" && settled != "1") return std::nullopt;
            message.settled = settled == "1";
            break;
        }
        case 'a':
            message.member = words.word();
            if (!isPeerName(message.member)) return std::nullopt;
            break;
        default: return std::nullopt;
    }
    if (!words.isSound()) return std::nullopt;
    return message;
}

}  // namespace howdah::cache
