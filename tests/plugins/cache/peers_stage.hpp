// Instances of the plugin that share one fake kv, and the test as one more among them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "plugins/cache/peers.hpp"
#include "tests/plugins/cache/cache_host.hpp"
#include "tests/plugins/cache/fake_kv.hpp"

namespace howdah::cache::test {

inline constexpr std::uint32_t kShop = 16384;  // as the fake databases tell
inline constexpr std::string_view kLogged = "cache/default/log/";

// A lease that is short for a test, and long for a busy machine: a write is refused when the store takes a quarter.
inline constexpr const char* kShared = R"({"shared":{"enabled":true,"lease_ms":1200}})";

// Another text for each table: the key of an answer does not hold what it reads.
inline FakeQueryPtr rowsOf(std::uint32_t relation) {
    return readOf(relation, concat("select name from t", relation));
}

struct Instance {
    explicit Instance(FakeKv& kv, std::string_view section = kShared) : host(folder.path()) {
        host.services[HOWDAH_KV_1] = kv.service();
        host.begin(section);
    }
    ~Instance() { host.stop(); }

    Json shared() { return host.stats()["shared"]; }
    void untilState(std::string_view state) {
        CacheHost::until([&] { return shared()["state"] == state; });
    }
    bool answersFromMemory(std::uint32_t relation) { return host.isKept(rowsOf(relation)); }
    // Until an answer is kept again, as a hold that ended lets it be.
    void untilKept(std::uint32_t relation) {
        CacheHost::until([&] { return answersFromMemory(relation); });
    }
    // Until no answer is kept because somebody writes.
    void untilHeld(std::uint32_t relation) {
        const auto held = [&] { return host.stats()["not_kept"]["written_meanwhile"].get<int>(); };
        const int before = held();
        CacheHost::until([&] { return answersFromMemory(relation), held() > before; });
    }
    // Refused is not written, and a busy machine may make the fake store slow.
    void begin(FakeQuery& query) {
        CacheHost::until([&] {
            if (host.before(query) == HOWDAH_PROCEED) return true;
            REQUIRE(CacheHost::denied.message.find("the shared store answers too slowly") != std::string::npos);
            return false;
        });
    }
    void write(FakeQueryPtr query) {
        begin(*query);
        host.after(*query, {});
    }

    Folder folder;
    CacheHost host;
};

// Another instance, played by the test: it is on the list and writes as real ones do.
class Played {
public:
    explicit Played(FakeKv& kv, std::string name = "played-1") : kv_(kv), name_(std::move(name)) {}
    void join() {
        kv_.put("cache/default/alive/" + name_, "1");
        const std::string members = kv_.value("cache/default/members").value_or("");
        kv_.put("cache/default/members", members.empty() ? name_ : members + " " + name_);
    }
    std::uint64_t begin(WriteMessage write, bool tells = true) {
        write.instance = name_;
        const auto number = static_cast<std::uint64_t>(kv_.count("cache/default/count", 1));
        kv_.put(concat(kLogged, number), begunText(number, write));
        if (tells) kv_.tell("cache/default/all", begunText(number, write));
        return number;
    }
    std::uint64_t begin(std::uint32_t relation) { return begin({"", kShop, 0, {Ledger::slotOf(kShop, relation)}}); }
    void end(std::uint64_t number, bool settled = true) { kv_.tell("cache/default/all", endedText(number, settled)); }
    void hear(std::uint64_t number, std::string_view writer) {
        kv_.tell(concat("cache/default/to/", writer), heardText(number, name_));
    }

private:
    FakeKv& kv_;
    std::string name_;
};

// How many numbers were given to writes.
inline std::uint64_t lastNumber(const FakeKv& kv) {
    return std::stoull(kv.value("cache/default/count").value_or("0"));
}

inline std::optional<PeerMessage> logged(const FakeKv& kv, std::uint64_t number) {
    const auto text = kv.value(concat(kLogged, number));
    return text ? peerMessage(*text) : std::nullopt;
}

inline std::size_t endsTold(const FakeKv& kv, std::uint64_t number, bool settled) {
    const auto all = kv.told("/all");
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), endedText(number, settled)));
}

}  // namespace howdah::cache::test
