// Puts a Snapshot together from the answers to catalog_statements.hpp.
//
// Threads: one.
// Owns:    what it read, until build().
// Errors:  internal for an answer of another form, invalid_argument for a catalog beyond the limit.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "plugins/guard/snapshot.hpp"

namespace howdah::guard {

class Snapshot::Builder {
public:
    static constexpr Oid kFirstOfUsers = 16384;
    static constexpr std::size_t kBytesMax = 64 * 1024 * 1024;  // names and objects of one database

    enum class Part { own_functions, schemas, functions, operators, casts, types, relations, columns, code, reach };

    Builder();
    ~Builder();

    // One row of the answer to that part's statement.
    Result<void> add(Part part, std::string_view json);

    Result<std::shared_ptr<const Snapshot>> build(const Policy& policy);

private:
    struct Function {
        CatalogObject object;
        char kind = 'f';
        char volatility = 'v';
        Oid result = 0;
        std::string_view extension;  // empty unless a superuser owns the function
        std::vector<Oid> calls;
        bool makes_range = false;
    };
    struct Type {
        CatalogObject object;
        Oid base = 0;
        Oid relation = 0;
        std::vector<Oid> calls;
    };
    struct Relation {
        CatalogObject object;
        char kind = 'r';
        bool secured = false;
        bool is_outside = false;
        Oid type = 0;
    };
    struct Cast {
        Oid source = 0, target = 0, function = 0;
        bool implicit = false;
        std::string_view target_name, array_name;
    };
    struct Column {
        Oid relation = 0;
        std::string_view name;
        Oid type = 0;
    };
    struct Code {
        char kind = 'r';  // as in catalog_statements.hpp

        ObjectKind holderKind() const {
            if (kind == 'f') return ObjectKind::function;
            return kind == 't' || kind == 'd' ? ObjectKind::type : ObjectKind::relation;
        }
        Key holderKey() const { return keyOf(holderKind(), holder); }
        Oid holder = 0;
        std::vector<Oid> calls;
        std::vector<Oid> uses;
        bool unsteady = false;
    };
    struct Reach {
        char what = 'x';
        Oid relation = 0;
        Oid other = 0;
    };
    struct Row;     // of an answer
    struct Reader;  // of JSON

    Result<void> addRow(Part part, const Row& catalog_row);
    std::string_view keep(std::string_view name);

    void index();
    void judgeFunctions(const Policy& policy);
    void link();
    void noteCastTargets();
    void linkCode();
    void spread();
    void noteUnsteady();
    void noteChanging();
    void drawTables();
    void drawRelations();
    bool isRunByReads(const Code& code) const;
    bool isSteadyCall(Oid function, bool in_policy) const;
    bool mayChange(Oid own_function) const;
    void connect(Key holder, Oid used);
    void connect(const Code& code);
    void connectValues();
    void spreadTo(std::unordered_set<Key>& marked) const;
    void need(Key holder, Key used);
    void needFunction(Key holder, Oid function, bool may_be_internal);
    void needAny(Key holder, Oid oid);
    void fail(Key key, Key because);
    bool inPath(Oid schema) const;

    std::shared_ptr<Snapshot> made_ = std::make_shared<Snapshot>();
    std::unique_ptr<Reader> reader_;
    char* next_name_ = nullptr;  // in the last of made_'s blocks
    std::size_t name_room_ = 0;
    std::unordered_map<Oid, std::string_view> own_functions_;
    std::vector<Function> functions_;
    std::vector<CatalogObject> operators_;
    std::vector<Oid> operator_functions_;
    std::vector<Cast> casts_;
    std::vector<Type> types_;
    std::vector<Relation> relations_;
    std::vector<Column> columns_;
    std::vector<Code> code_;
    std::vector<Reach> reach_;
    std::unordered_set<Key> known_;
    std::unordered_multimap<Key, Key> used_by_;
    std::vector<Key> failed_;
    std::unordered_set<Oid> stored_;    // materialized views: their code runs when they are refreshed
    std::unordered_set<Oid> secured_;   // row security is on
    std::unordered_set<Key> changing_;  // may change rows when used, read or written
};

}  // namespace howdah::guard
