// Turns a schema into a program (program.hpp). One object compiles one schema; problem() of the first refusal wins.
//
// Threads: one compilation is one object on one stack.
// Bounds:  recursion is as deep as the schema, which compileProgram() has checked; targets of references wait in a
// queue.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/schema/program.hpp"
#include "kernel/schema/resources.hpp"

namespace howdah::kernel {

class SchemaCompiler {
public:
    SchemaCompiler(const Json& root, const SchemaLimits& limits, Schema::Program& program)
        : root_(root), limits_(limits), program_(program), resources_(root) {}

    // What is wrong and where; "" if nothing is.
    std::string compile();

private:
    struct Waiting {
        NodeId id;
        const Json* schema;
        std::string pointer;
    };

    void refuse(std::string_view keyword, std::string_view why);

    // The node of a schema, made on first sight.
    NodeId reserve(const Json& schema);
    NodeId child(const Json& schema);
    // A child under a keyword (and a name or index below it), so that a refusal can say where.
    template <typename... Steps>
    NodeId childAt(const Json& schema, const Steps&... steps) {
        const std::size_t length = pointer_.size();
        (appendPointer(pointer_, steps), ...);
        NodeId id = child(schema);
        pointer_.resize(length);
        return id;
    }
    void fill(NodeId id, const Json& schema);

    static const Json* find(const Json& schema, std::string_view keyword) {
        auto member = schema.find(keyword);
        return member == schema.end() ? nullptr : &*member;
    }

    void checkDialect(const Json& schema);
    void types(const Json& schema, Node& node);
    std::uint8_t typeBit(const Json& name);
    std::optional<Number> number(const Json& schema, std::string_view keyword);
    // True when one of the two keywords stands there.
    bool bounds(const Json& schema, std::string_view min, std::string_view max, Bounds& bounds);
    const Json* size(const Json& schema, std::string_view keyword, std::size_t& size);
    void numbers(const Json& schema, Node& node);
    std::optional<Pattern> pattern(const Json& source, std::string_view keyword);
    void strings(const Json& schema, Node& node);
    void arrays(const Json& schema, Node& node);
    std::vector<NodeId> list(const Json& schemas, std::string_view keyword);

    // kernel/schema/compile_applicators.cpp
    void objects(const Json& schema, Node& node);
    void keys(const Json& schema, ObjectRules& rules);
    void dependencies(const Json& schema, ObjectRules& rules);
    void unevaluated(const Json& schema, Node& node);
    void logic(const Json& schema, Node& node);
    void definitions(const Json& schema);
    NodeId reference(const Json& ref, std::string_view keyword, ResourceId from);
    void dynamicReference(const Json& ref, LogicRules& rules, ResourceId from);
    // The node of a schema that something refers to; it is compiled later.
    NodeId later(const Json& target, std::string_view pointer);

    const Json& root_;
    const SchemaLimits& limits_;
    Schema::Program& program_;
    SchemaResources resources_;
    std::unordered_map<const Json*, NodeId> known_;
    std::unordered_map<std::string, std::uint32_t> dynamic_names_;
    std::vector<bool> started_;  // by node
    std::deque<Waiting> waiting_;
    std::string pointer_;  // where the compiler is, for refusals
    std::string problem_;
};

}  // namespace howdah::kernel
