// Results that are gone on with in the same snapshot: between two calls a server-side cursor keeps its transaction and
// its connection.
//
// Each costs a connection and holds back the server's clean-up of old rows, so there are few of them for a database,
// and one that is not used is ended by time. Who brings a name that is not known, not theirs or not at that place any
// more is told the same.
//
// Threads: any; the mutex is never held across a call of the host or of libpq.
// Owns:    the connections between the calls.
// Errors:  unavailable when all places are taken; not_found for a name nothing is known by.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/abi/sql.h>
#include <howdah/hex.hpp>

#include "database.hpp"

namespace howdah::pool {

class StableCursors;

// The right to keep one connection of a database; given back when it is destroyed.
class StablePlace {
public:
    StablePlace() = default;
    StablePlace(std::shared_ptr<StableCursors> all, std::string database)
        : all_(std::move(all)), database_(std::move(database)) {}
    StablePlace(StablePlace&&) = default;
    StablePlace& operator=(StablePlace&& other) noexcept;
    ~StablePlace() { giveBack(); }
    StableCursors* operator->() const { return all_.get(); }
    const std::string& database() const { return database_; }

private:
    void giveBack();
    std::shared_ptr<StableCursors> all_;
    std::string database_;
};

// One of them between two calls.
struct StableCursor {
    StablePlace place;
    Lease lease;
    ResultPtr next_row;          // fetched already: it showed that there are more
    std::string belongs_to;      // who and what it was opened for
    std::uint64_t position = 0;  // rows given so far
    std::uint64_t opened_ns = 0;
    std::optional<std::string> supposed;  // of a session: indexes to plan with from its next statement on
    std::string hypopg_schema;            // of a session: where HypoPG is, quoted; "" = not asked yet, or nowhere
};

class StableCursors : public std::enable_shared_from_this<StableCursors> {
public:
    StableCursors(const Host& host, Jobs& jobs, const Config& config);

    // Whose it is: everything that decides what the statement's rows are, and the principal.
    static std::string ownerOf(const howdah_execution& execution);

    Result<StablePlace> reserve(const std::string& database);
    // Keeps it until it is asked for or its time is over; gives its name, which nobody can guess. "" at the end.
    std::string keep(StableCursor cursor, std::string name = randomHex());
    Result<StableCursor> take(std::string_view name, std::string_view belongs_to, std::uint64_t position);
    // Of a session; false where there is none.
    bool suppose(std::string_view name, std::string definitions);
    // Ends the one of that name, if there is one.
    void end(std::string_view name);
    // Ends all of them. [control]
    void stop();

private:
    friend class StablePlace;
    class Sweeper;
    struct Kept {
        StableCursor cursor;
        std::uint64_t expires_ns = 0;
    };

    void free(const std::string& database);
    void sweep(Context& context);
    std::vector<StableCursor> takeExpired(std::uint64_t now_ns, std::uint64_t& next_ns);

    const Host& host_;
    Jobs& jobs_;
    const Config config_;
    std::mutex mutex_;
    std::map<std::string, Kept, std::less<>> kept_;
    std::map<std::string, std::uint32_t, std::less<>> taken_;  // places, by database
    bool sweeper_runs_ = false;
    bool stopped_ = false;
};

class Cursor;

// Opens a stable cursor, or goes on with the one the execution names.
Result<std::unique_ptr<Cursor>> executeStable(const Context& context, const std::shared_ptr<Database>& database,
                                              const howdah_execution& execution,
                                              const std::shared_ptr<StableCursors>& all);

}  // namespace howdah::pool
