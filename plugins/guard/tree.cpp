#include "plugins/guard/tree.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "plugins/guard/growth.hpp"
#include "plugins/guard/node_judge.hpp"
#include "plugins/guard/nodes.hpp"
#include "plugins/guard/raw_parse.hpp"
#include "plugins/guard/rules.hpp"
#include "plugins/guard/tree_names.hpp"

namespace howdah::guard {
namespace {

// In ALTER ... RENAME, OWNER TO, GRANT, DROP and COMMENT: objects of the whole server, not of one database's schemas.
constexpr std::string_view kServerObjects[] = {"OBJECT_ACCESS_METHOD", "OBJECT_DATABASE",       "OBJECT_EVENT_TRIGGER",
                                               "OBJECT_FDW",           "OBJECT_FOREIGN_SERVER", "OBJECT_LANGUAGE",
                                               "OBJECT_PARAMETER_ACL", "OBJECT_PUBLICATION",    "OBJECT_ROLE",
                                               "OBJECT_SUBSCRIPTION",  "OBJECT_TABLESPACE",     "OBJECT_USER_MAPPING"};

class Walk {
public:
    Walk(const std::string& sql, const TextScan& scan, const Policy& policy, Path path, const Resolver* resolver)
        : path_(path),
          resolver_(path == Path::read ? resolver : nullptr),
          judge_(sql, policy, path, resolver, facts_),
          here_(scan.body_begin) {
        facts_.body_begin = scan.body_begin;
        facts_.body_end = scan.body_end;
    }

    Result<Facts> judge(const NodeList& statements) {
        judge_.standAt(here_);
        if (statements.isUnknown()) return judge_.refuse(Rule::not_classified, "");
        if (statements.empty()) return refusal(Rule::empty_statement, "", 0);
        if (statements.size() > 1) return judge_.refuse(Rule::several_statements, "");
        const NodeView statement = statements[0].child(Field::stmt);
        if (auto top = judgeStatement(statement); !top) return top.error();
        if (resolver_ && !resolver_->everywhere().empty() && facts_.kind != Kind::show)
            return judge_.refuse(Rule::cast_not_allowed, resolver_->everywhere());

        pending_.push_back({statement, true, here_});
        while (!pending_.empty()) {
            const Pending next = pending_.back();
            pending_.pop_back();
            if (auto judged = enter(next); !judged) return judged.error();
        }
        if (auto finished = judge_.finish(); !finished) return finished.error();
        if (path_ == Path::read)
            if (auto bounded = judgeGrowth(statement); !bounded) return bounded.error();
        return std::move(facts_);
    }

private:
    struct Pending {
        NodeView node;
        bool of_known_type;      // else only its parts are judged
        std::uint32_t position;  // byte offset of the nearest node around it that knows its own
    };

    Result<void> judgeStatement(const NodeView& statement) {
        const Tag type = statement.tag();
        if (type == Tag::unknown) return judge_.refuse(Rule::not_classified, "");
        if (path_ == Path::read) {
            if (type != Tag::SelectStmt && type != Tag::VariableShowStmt && type != Tag::ExplainStmt)
                return judge_.refuse(refusedRule(type), "");
            facts_.read_only = true;
        }
        const auto kind = writeKind(type);
        if (!kind)
            return judge_.refuse(isNeverAllowed(refusedRule(type)) ? refusedRule(type) : Rule::node_not_allowed, "");
        facts_.kind = *kind;
        if (path_ == Path::write && *kind == Kind::ddl)
            for (const Field field : {Field::renameType, Field::objectType, Field::objtype, Field::removeType})
                if (std::ranges::find(kServerObjects, statement.text(field)) != std::end(kServerObjects))
                    return judge_.refuse(Rule::server_administration, "");
        if (type == Tag::SelectStmt) {
            facts_.wrappable = path_ == Path::read;
            facts_.unlimited = facts_.wrappable && !statement.has(Field::limitCount);
            if (statement.has(Field::valuesLists)) facts_.kind = Kind::values;
        }
        return {};
    }

    Result<void> judgeGrowth(const NodeView& statement) {
        const GrowthVerdict growth = tooLargeValue(statement, facts_.parameters > 0);
        facts_.short_parameters = growth.short_parameters;
        facts_.small_parameters = growth.small_parameters;
        if (!growth.found) return {};
        judge_.standAt(std::max(growth.found->position, facts_.body_begin));
        return judge_.refuse(growth.found->rule, growth.found->what);
    }

    Result<void> enter(const Pending& next) {
        const NodeView node = next.node;
        here_ = node.location() > 0 ? static_cast<std::uint32_t>(node.location()) : next.position;
        judge_.standAt(here_);
        if (node.tag() == Tag::unknown) return judge_.refuse(Rule::not_classified, "");
        if (path_ == Path::write && isTemporary(node)) return judge_.refuse(Rule::temporary_object, "");
        if (next.of_known_type)
            if (auto judged = judge_.judge(node); !judged) return judged;
        return addParts(node);
    }

    // The parts of a node stand on the pile so that the first is taken first.
    Result<void> addParts(const NodeView& node) {
        const std::size_t first = pending_.size();
        for (const FieldInfo& field : node.parts()) {
            if (field.holdsList()) {
                const NodeList list = node.list(field);
                if (list.isUnknown()) return judge_.refuse(Rule::not_classified, "");
                for (const NodeView item : list)
                    if (item) pending_.push_back({item, true, here_});
            } else {
                const NodeView part = node.child(field);
                if (!part) continue;
                if (field.kind == FieldKind::value) {  // of a constant: there is nothing to judge
                    if (part.tag() == Tag::unknown) return judge_.refuse(Rule::not_classified, "");
                    continue;
                }
                const bool known = field.kind == FieldKind::node || isKnownField(field.name);
                if (!known && path_ == Path::read) return judge_.refuse(Rule::node_not_allowed, name(field.name));
                pending_.push_back({part, known, here_});
            }
        }
        std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
        return {};
    }

    const Path path_;
    const Resolver* const resolver_;
    Facts facts_;
    NodeJudge judge_;
    std::uint32_t here_;
    std::vector<Pending> pending_;
};

Error parseFailure(const std::string& sql, const RawParse::Failure& failure) {
    const auto position = static_cast<std::uint32_t>(std::max(failure.character, 0));
    Error refused = refusal(Rule::syntax, failure.message, std::min(position, characterAt(sql, sql.size())));
    refused.sqlstate = "42601";
    return refused;
}

}  // namespace

Result<Facts> judgeTree(const std::string& sql, const TextScan& scan, const Policy& policy, Path path,
                        const Resolver* resolver) {
    // No host call lies between here and the end of the walk, so the fiber stays on this thread.
    const RawParse parse(sql);
    if (const auto failure = parse.failure(); failure.message) return parseFailure(sql, failure);
    return judgeStatements(parse.statements(), sql, scan, policy, path, resolver);
}

Result<Facts> judgeStatements(const NodeList& statements, const std::string& sql, const TextScan& scan,
                              const Policy& policy, Path path, const Resolver* resolver) {
    return Walk(sql, scan, policy, path, resolver).judge(statements);
}

}  // namespace howdah::guard
