// One text through PostgreSQL's grammar, by libpg_query's inner door: the nodes as the parser made them, without the
// text or the copy of them that its outer doors write.
//
// Threads: made, read and destroyed on one thread, which makes no other call into libpg_query meanwhile: the nodes lie
//          in that thread's memory context.
// Owns:    the context with all nodes; it is gone with this object.
// Errors:  error() where the text is not in the grammar; then there are no statements.
// Source:  libpg_query, pg_query_internal.h, whose own header needs PostgreSQL's.
#pragma once

#include <string>

#include <howdah/result.hpp>

#include "plugins/guard/tree_view.hpp"

namespace howdah::guard {

class RawParse {
public:
    explicit RawParse(const std::string& sql);
    ~RawParse();
    RawParse(const RawParse&) = delete;
    RawParse& operator=(const RawParse&) = delete;

    struct Failure {
        const char* message;  // nullptr if there is none
        int character;        // 1-based, 0 or less if it is not known
    };
    Failure failure() const;
    NodeList statements() const { return NodeList::at(parsed_.tree); }  // of RawStmt

private:
    struct Parsed {  // PgQueryInternalParsetreeAndError
        void* tree;
        char* stderr_buffer;
        void* error;
    };
    void* context_;
    Parsed parsed_;
};

// Whether the parser that was loaded lays its nodes out as parse_nodes.inc says; another libpg_query might not.
Result<void> checkParser();

}  // namespace howdah::guard
