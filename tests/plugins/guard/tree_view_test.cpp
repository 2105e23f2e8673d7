// The proof of tree_view.hpp: what the guard sees of PostgreSQL's nodes is what libpg_query's JSON says of them, for
// statements of every kind, the attacks, and random texts near to them. HOWDAH_SQL may name a folder of further .sql
// files, such as PostgreSQL's regression tests.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/nodes.hpp"
#include "plugins/guard/tree.hpp"
#include "tests/plugins/guard/mutation.hpp"
#include "tests/plugins/guard/stack_thread.hpp"
#include "tests/plugins/guard/tree_difference.hpp"

namespace howdah::guard {
namespace {

const std::filesystem::path kTests = HOWDAH_TESTS;

std::string readFile(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> everyKind() {
    std::vector<std::string> statements;
    std::ifstream file(kTests / "plugins/guard/statements.sql");
    for (std::string line; std::getline(file, line);)
        if (!line.starts_with("--")) statements.push_back(line);
    return statements;
}

std::vector<std::string> attacks() {
    std::vector<std::string> statements;
    const auto suite = nlohmann::json::parse(readFile(kTests / "attacks/own.json"));
    for (const auto& list : {suite["fixtures"], suite["cases"]})
        for (const auto& entry : list) {
            if (entry.is_string()) statements.push_back(entry);
            if (entry.is_object() && entry.contains("sql")) statements.push_back(entry["sql"]);
        }
    return statements;
}

std::vector<std::string> fuzzCorpus() {
    std::vector<std::string> statements;
    for (const auto& entry : std::filesystem::directory_iterator(kTests / "fuzz/corpus/guard_statement"))
        statements.push_back(readFile(entry.path()));
    return statements;
}

// The statements of a script for psql, without psql's own lines.
std::vector<std::string> statementsOf(const std::filesystem::path& path) {
    std::vector<std::string> statements;
    std::ifstream file(path, std::ios::binary);
    std::string text;
    for (std::string line; std::getline(file, line);)
        if (!line.starts_with('\\')) text.append(line).append("\n");
    PgQuerySplitResult split = pg_query_split_with_scanner(text.c_str());
    if (split.error) split.stmts = nullptr;  // the library frees those it has not made
    for (int i = 0; split.stmts && i < split.n_stmts; ++i)
        statements.push_back(text.substr(static_cast<std::size_t>(split.stmts[i]->stmt_location),
                                         static_cast<std::size_t>(split.stmts[i]->stmt_len)));
    for (std::size_t at = 0; split.error && at < text.size();) {
        const std::size_t end = std::min(text.find(";\n", at), text.size());
        statements.push_back(text.substr(at, end - at));
        at = end + 2;
    }
    pg_query_free_split_result(split);
    return statements;
}

#if defined(HOWDAH_TSAN) || defined(HOWDAH_ASAN)
constexpr int kDamagedTexts = 4'000;
#else
constexpr int kDamagedTexts = 30'000;
#endif

void checkAll(test::TreeDifference& difference, const std::vector<std::string>& statements) {
    test::runOnStack(kLargeStack, [&] {
        for (const std::string& sql : statements)
            if (const std::string found = difference.of(sql); !found.empty()) FAIL_CHECK(found << " in " << sql);
    });
}

// PostgreSQL's nodes as its parser would lay them out, and one that it would not.
struct ForgedList {
    std::uint32_t tag = static_cast<std::uint32_t>(Tag::List);
    std::int32_t length = 1, length_max = 1;
    const void* const* cells = nullptr;
};

struct ForgedNode {
    explicit ForgedNode(Tag tag) { put(0, static_cast<std::uint32_t>(tag)); }

    template <typename T>
    void put(std::size_t offset, T value) {
        std::memcpy(bytes + offset, &value, sizeof value);
    }
    void put(Field field, const void* value) {
        for (const FieldInfo& info : NodeView::at(bytes).fields())
            if (info.name == field) put(info.offset, value);
    }

    alignas(8) char bytes[256] = {};
};

}  // namespace

TEST_CASE("guard: the parse tree reads as libpg_query's JSON of it, for statements of every kind") {
    test::TreeDifference difference;
    const auto statements = everyKind();
    checkAll(difference, statements);
    MESSAGE(difference.parsedCount() << " of " << statements.size() << " statements are in the grammar");
    CHECK(difference.parsedCount() > 680);

    // What the grammar makes only for PL/pgSQL, which the guard never asks it for.
    const std::set<Tag> never_made{Tag::PLAssignStmt};
    std::size_t tags = 0, fields = 0;
    for (const NodeInfo& info : kNodeInfos) {
        if (info.name.empty()) continue;
        ++tags;
        CHECK_MESSAGE(difference.tags().contains(info.tag) != never_made.contains(info.tag),
                      info.name << " was never seen");
        for (const FieldInfo& field : info.fields) {
            ++fields;
            if (!difference.present().contains({info.tag, field.name}) && !never_made.contains(info.tag))
                MESSAGE("always absent: " << info.name << '.' << name(field.name));
        }
    }
    MESSAGE(difference.tags().size() << " of " << tags << " node types and " << difference.present().size() << " of "
                                     << fields << " fields were seen");
}

TEST_CASE("guard: the parse tree reads as libpg_query's JSON of it, for the attacks and random texts") {
    test::TreeDifference difference;
    std::vector<std::string> seeds = everyKind();
    for (const auto& more : {attacks(), fuzzCorpus()})
        seeds.insert(seeds.end(), more.begin(), more.end());
    checkAll(difference, seeds);
    MESSAGE(difference.parsedCount() << " of " << seeds.size() << " texts are in the grammar");

    test::Mutator mutator(seeds, 20261130);
    std::vector<std::string> mutations;
    for (int round = 0; round < kDamagedTexts; ++round) {
        std::string sql = round % 3 == 0 ? mutator.next() : mutator.nextSpliced();
        // The scan refuses the rest before any parser sees it.
        if (sql.size() <= kInlineBytes && scanText(sql, {})) mutations.push_back(std::move(sql));
    }
    const int before = difference.parsedCount();
    checkAll(difference, mutations);
    const int parsed = difference.parsedCount() - before;
    MESSAGE(parsed << " of " << mutations.size() << " random texts are in the grammar");
    CHECK(parsed > kDamagedTexts / 10);
}

TEST_CASE("guard: the parse tree reads as libpg_query's JSON of it, for a folder of SQL") {
    const char* folder = std::getenv("HOWDAH_SQL");
    if (!folder) {
        MESSAGE("skipped: HOWDAH_SQL does not name a folder");
        return;
    }
    test::TreeDifference difference;
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".sql") continue;
        const auto statements = statementsOf(entry.path());
        count += statements.size();
        checkAll(difference, statements);
    }
    MESSAGE(difference.parsedCount() << " of " << count << " statements are in the grammar, "
                                     << difference.tags().size() << " node types were seen");
}

TEST_CASE("guard: a node outside of the table shows as unknown, and so does another one than a field must hold") {
    for (const std::uint32_t tag : {1u, 10u, 511u, 512u, 65'536u, 0xffffffffu}) {
        CAPTURE(tag);
        REQUIRE((tag >= kTagsEnd || kNodeInfos[tag].name.empty()));
        ForgedNode node(Tag::String);
        node.put(0, tag);
        const NodeView view = NodeView::at(node.bytes);
        CHECK(view);
        CHECK(view.tag() == Tag::unknown);
        CHECK(view.fields().empty());
        CHECK(NodeList::at(node.bytes).isUnknown());
    }
    ForgedNode select(Tag::SelectStmt), update(Tag::UpdateStmt);
    select.put(Field::larg, update.bytes);
    CHECK(NodeView::at(select.bytes).child(Field::larg).tag() == Tag::unknown);
    select.put(Field::larg, select.bytes);
    CHECK(NodeView::at(select.bytes).child(Field::larg).tag() == Tag::SelectStmt);
}

TEST_CASE("guard: a statement with a node outside of the table is refused on both paths, wherever it stands") {
    const std::string sql = "select 1";
    const auto scan = scanText(sql, {});
    REQUIRE(scan);
    ForgedNode unknown(Tag::String), target(Tag::ResTarget), constant(Tag::A_Const), select(Tag::SelectStmt),
        statement(Tag::RawStmt);
    const void* const targets[] = {target.bytes};
    const void* const statements[] = {statement.bytes};
    ForgedList target_list{.cells = targets}, list{.cells = statements};
    statement.put(Field::stmt, select.bytes);
    select.put(Field::targetList, &target_list);
    target.put(Field::val, constant.bytes);
    const auto judged = [&](Path path) { return judgeStatements(NodeList::at(&list), sql, *scan, Policy{}, path); };
    const auto check_refused = [&] {
        for (const Path path : {Path::read, Path::write}) {
            const auto refused = judged(path);
            REQUIRE_FALSE(refused);
            CHECK(refused.error().rule == id(Rule::not_classified));
        }
    };
    REQUIRE(judged(Path::read));
    REQUIRE(judged(Path::write));

    SUBCASE("as the statement") {
        unknown.put(0, 77u);
        statement.put(Field::stmt, unknown.bytes);
        check_refused();
    }
    SUBCASE("as a part") {
        unknown.put(0, 77u);
        target.put(Field::val, unknown.bytes);
        check_refused();
    }
    SUBCASE("as a constant's value") {
        constant.put(8, 77u);
        check_refused();
    }
    SUBCASE("in a list") {
        target.put(0, 77u);
        check_refused();
    }
    SUBCASE("as a list") {
        target_list.tag = 77;
        check_refused();
    }
    SUBCASE("as a list of statements") {
        list.tag = 77;
        check_refused();
    }
    SUBCASE("where another type must stand") {
        select.put(Field::larg, target.bytes);
        check_refused();
    }
}

TEST_CASE("guard: the parser that is loaded lays its tree out as expected") {
    const auto checked = checkParser();
    CHECK_MESSAGE(checked.has_value(), (checked ? "" : checked.error().message));
}

}  // namespace howdah::guard
