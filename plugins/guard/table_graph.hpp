// How the tables of one database hang together: what an answer depends on, and what a write reaches.
//
// A partition or a child table stands as one with its whole tree: who reads the parent reads the children, and a write
// to the parent lands in them.
//
// Threads: immutable once its snapshot is built.
// Owns:    copies of the numbers.
// Source:  PostgreSQL manual, "Views and the Rule System", "Row Security Policies", "Inheritance", "Foreign Keys".
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace howdah::guard {

using Oid = std::uint32_t;

class TableGraph {
public:
    struct Relation {
        Oid tree = 0;               // whose name its rows go by; 0 has none of its own: a view
        bool steady = true;         // what is read changes with rows of `reads` and its own only
        bool plain = true;          // a write changes nothing but it and its cascades
        std::vector<Oid> reads;     // by its code: a view's, or its policies'
        std::vector<Oid> cascades;  // foreign keys that pass a change on
    };

    // In any order, before merge().
    Relation& relation(Oid oid) { return relations_[oid]; }
    bool knows(Oid oid) const { return relations_.contains(oid); }
    // Trees out of pairs of parent and child; then the graph is done. A tree is as plain as the least of its tables.
    void merge(std::span<const std::pair<Oid, Oid>> inheritance);
    void closeWrites() { writes_known_ = false; }  // some write somewhere may do anything

    // The trees, ascending; nothing where more than rows matters, or where it is not known.
    std::optional<std::vector<Oid>> behind(std::span<const Oid> relations) const;
    std::optional<std::vector<Oid>> reachedFrom(std::span<const Oid> relations) const;

private:
    enum class Walk : std::uint8_t { read, write };
    bool visit(Oid oid, Walk walk, std::set<Oid>& seen, std::set<Oid>& trees) const;
    std::optional<std::vector<Oid>> walked(std::span<const Oid> relations, Walk walk) const;

    std::unordered_map<Oid, Relation> relations_;
    bool writes_known_ = true;
};

}  // namespace howdah::guard
