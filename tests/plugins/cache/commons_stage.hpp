// Instances that share answers, with one key.
#pragma once

#include <atomic>
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

// Two instances with one store and one key, and the second gives out what the first has read.
struct Sharing {
    explicit Sharing(std::string_view more = "") : one(kv, key.section(more)), two(kv, key.section(more)) {
        untilShared(one, two);
    }
    const SharedKeyFile key;
    FakeKv kv;
    Instance one, two;
};

// A read that finds an answer which it is not given; `count` says why not.
inline bool isLeftOut(Instance& instance, FakeQueryPtr query, const char* count) {
    const int before = commonsOf(instance)[count].get<int>();
    return seenBy(instance, std::move(query), "new").source == HOWDAH_FROM_DATABASE &&
           commonsOf(instance)[count] == before + 1;
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

// What lies in the store once this was read.
struct Left {
    std::string name, value;
};
inline Left leftBy(Instance& instance, FakeKv& kv, const Names& put, FakeQueryPtr query,
                   const std::string& in_database) {
    leave(instance, std::move(query), in_database);
    return {put.last(), kv.value(put.last()).value_or("")};
}

// The store does that with no answer, which is counted.
inline FakeKv::Before refusing(std::string_view its_work, std::atomic<int>& count) {
    return [its_work, &count](std::string_view what, std::string_view key) -> std::optional<Error> {
        if (what != its_work || !isAnswer(key)) return std::nullopt;
        ++count;
        return Error::unavailable("the store is away");
    };
}

// The store does that with an answer only once the gate is open.
class Gate {
public:
    FakeKv::Before holding(std::string_view its_work) {
        return [this, its_work](std::string_view what, std::string_view key) -> std::optional<Error> {
            if (what != its_work || !isAnswer(key)) return std::nullopt;
            ++asked_;
            CacheHost::until([this] { return open_.load(); });
            return std::nullopt;
        };
    }
    int asked() const { return asked_; }
    void open() { open_ = true; }

private:
    std::atomic<int> asked_{0};
    std::atomic<bool> open_{false};
};

}  // namespace howdah::cache::test
