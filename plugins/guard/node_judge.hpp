// One node of the parse tree: may it stand in this statement, and may what it names be used?
//
// Threads: a value of one statement's walk.
// Owns:    what the nodes seen so far have in common: WITH queries, aliases, relations nobody knows.
// Errors:  refused with the rule and the position of the offending node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/guard/attributes.hpp"
#include "plugins/guard/facts.hpp"
#include "plugins/guard/nodes.hpp"
#include "plugins/guard/policy.hpp"
#include "plugins/guard/resolver.hpp"
#include "plugins/guard/rules.hpp"
#include "plugins/guard/tree.hpp"
#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

class NodeJudge {
public:
    // `facts` knows the kind of the statement; what is found out is put there. On the write path the catalog judges
    // nothing; it only tells what is reached.
    NodeJudge(const std::string& sql, const Policy& policy, Path path, const Resolver* catalog, Facts& facts)
        : sql_(sql),
          policy_(policy),
          path_(path),
          catalog_(catalog),
          resolver_(path == Path::read ? catalog : nullptr),
          facts_(facts) {}

    // Where the nodes that are judged next stand, as a byte of the text: the nearest around them that says so.
    void standAt(std::uint32_t position) { here_ = position; }
    Error refuse(Rule rule, std::string_view what) const;

    Result<void> judge(const NodeView& node);
    // When all have been seen: what only the whole statement tells.
    Result<void> finish();

private:
    // What the catalog has against a name.
    Error object(Rule rule, const Resolver::Found& found) const;
    Result<void> judgeFunction(const NodeView& node);
    Result<void> judgeCall(NameView name, int arguments, Rule if_unknown);
    Result<void> judgeAttribute(std::string_view text);
    Result<void> judgeIndirection(const NodeView& node);
    Result<void> judgeAttributes();
    void noteUse(const Resolver::Found& found) { steady_ = steady_ && found.steady; }
    void noteTables();
    void findRelations();
    Resolver::Found calledBy(const AttributeUses::Use& use, Schemas schemas) const;
    bool isColumn(const AttributeUses::Use& use, Schemas schemas) const;
    bool isWithQuery(std::string_view name) const;
    Result<void> judgeRelation(const NodeView& node);
    Result<void> judgeJoin(const NodeView& node);
    Result<void> judgeExpression(const NodeView& node);
    Result<void> judgeOperator(NameView name);
    Result<void> noteType(const NodeView& node);
    Result<void> judgeParameter(const NodeView& node);
    Result<void> judgeSample(const NodeView& node);
    Result<void> judgeOption(const NodeView& node);

    const std::string& sql_;
    const Policy& policy_;
    const Path path_;
    const Resolver* const catalog_;
    const Resolver* const resolver_;
    Facts& facts_;
    bool steady_ = true;  // nothing seen so far depends on more than rows, or may change others than are named
    std::uint32_t here_ = 0;
    std::vector<std::string_view> with_queries_;  // sorted when all have been seen
    std::vector<NameView> relations_;
    std::vector<std::string_view> unknown_relations_;

    struct Use {
        Node kind;
        NameView name;
        int arguments;

        friend bool operator==(const Use&, const Use&) = default;
    };
    // A statement calls the same few functions again and again: what has passed once is not looked up again.
    bool hasPassed(const Use& use) const;
    void notePassed(const Use& use);
    std::vector<Use> passed_;

    AttributeUses attributes_;
};

}  // namespace howdah::guard
