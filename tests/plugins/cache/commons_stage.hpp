// Instances that share answers, with one key.
#pragma once

#include <fstream>

#include <sys/stat.h>

#include "tests/plugins/cache/peers_stage.hpp"

namespace howdah::cache::test {

// 32 bytes of a file, as all instances have it.
class SharedKeyFile {
public:
    explicit SharedKeyFile(char filled_with = 'k') {
        std::ofstream(path()) << std::string(32, filled_with);
        REQUIRE(chmod(path().c_str(), 0600) == 0);
    }
    std::string path() const { return folder_.path() + "/key"; }
    // A busy machine makes the fake store slow.
    std::string section(std::string_view more = "", std::string_view answers = R"("read_ms":1000,)",
                        int lease_ms = 1200) const {
        return concat("{", more, R"("shared":{"enabled":true,"lease_ms":)", lease_ms, R"(,"answers":{"enabled":true,)",
                      answers, R"("key_file":")", path(), R"("}}})");
    }

private:
    Folder folder_;
};

inline Json commonsOf(Instance& instance) {
    return instance.host.stats()["levels"]["shared"];
}

// What a read was given and by whom.
struct Seen {
    std::vector<std::string> cells;
    std::uint32_t source = HOWDAH_FROM_DATABASE;
    std::uint64_t age_ns = 0;
};
inline Seen seenBy(Instance& instance, FakeQueryPtr query, const std::string& in_database, std::uint32_t shard = 0) {
    const std::uint32_t verdict = instance.host.before(*query, shard);
    if (verdict == HOWDAH_REPLY) return {query->replied, query->replied_with.source, query->replied_with.age_ns};
    REQUIRE(verdict == HOWDAH_PROCEED);
    instance.host.after(*query, {in_database}, shard);
    return {{in_database}, HOWDAH_FROM_DATABASE, 0};
}

// Read through this instance until it is put into the store, which it is not while a busy machine costs it its lease.
template <typename Done>
void leaveUntil(Instance& instance, FakeQueryPtr query, const std::string& in_database, Done done) {
    bool asked = false;
    CacheHost::until([&] {
        if (instance.host.before(*query) == HOWDAH_PROCEED) {
            instance.host.after(*query, {in_database});
            asked = true;
        }
        REQUIRE(asked);  // what is there already shows nothing
        return done();
    });
}
inline void leave(Instance& instance, FakeQueryPtr query, const std::string& in_database) {
    const int stored = commonsOf(instance)["stored"].get<int>();
    leaveUntil(instance, std::move(query), in_database,
               [&] { return commonsOf(instance)["stored"].get<int>() > stored; });
}

// Until an answer of the one is given out by the other: both are members, and have ticks to compare.
inline void untilShared(Instance& from, Instance& to) {
    from.untilState("member");
    to.untilState("member");
    static int round = 0;  // of the process: none of these was asked before
    CacheHost::until([&] {
        const std::string sql = concat("select ", ++round, " from t90");
        leave(from, readOf(90, sql), "90");
        const int stored = commonsOf(to)["stored"].get<int>();
        if (seenBy(to, readOf(90, sql), "90").source == HOWDAH_FROM_SHARED) return true;
        CacheHost::until([&] { return commonsOf(to)["stored"].get<int>() > stored; });
        return false;
    });
}

inline bool isAnswer(std::string_view key) {
    return key.find("/answer/") != std::string_view::npos;
}

// The names of the answers that were put there, or asked for.
class Names {
public:
    void note(std::string_view key) {
        const std::lock_guard lock(mutex_);
        last_ = key;
        ++count_;
    }
    std::string last() const {
        const std::lock_guard lock(mutex_);
        return last_;
    }
    int count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

private:
    mutable std::mutex mutex_;
    std::string last_;
    int count_ = 0;
};

inline FakeKv::Before noting(Names& put, Names& asked) {
    return [&](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (isAnswer(key)) (what == "set" ? put : asked).note(key);
        return std::nullopt;
    };
}

}  // namespace howdah::cache::test
