// Extensions whose functions only compute on their arguments (or read), so that a read may call them without the
// operator listing each.
//
// The rule: a member of an extension on this list, owned by a superuser (nobody else can have put it there, and nobody
// else can replace it), that is not VOLATILE, or is one of the extension's functions reviewed in spite of that. Neither
// IMMUTABLE nor a C function proves anything alone, and an extension somebody wrote himself has any name.
//
// Threads: constant data.
// Source:  PostgreSQL manual, "Additional Supplied Modules", and what the catalog of a PostgreSQL 15 says of each
//          function of these (name, arguments, volatility), not the code behind. PostGIS and pgvector: general
//          knowledge; neither was run here.
#pragma once

#include <string_view>

namespace howdah::guard {

bool isReviewedExtension(std::string_view extension);

// A VOLATILE function of an extension that was found to change nothing.
bool isReviewedVolatile(std::string_view extension, std::string_view function);

// A function of a reviewed extension that does more than its declaration says.
bool isKnownUnsafe(std::string_view extension, std::string_view function);

}  // namespace howdah::guard
