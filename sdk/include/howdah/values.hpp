// PostgreSQL's text-format values as JSON, CSV and Markdown: the type contract of docs/types.md.
#pragma once

#include <howdah/values/encode.hpp>       // one value
#include <howdah/values/row_encoder.hpp>  // rows as JSON
#include <howdah/values/tables.hpp>       // rows as CSV and Markdown
#include <howdah/values/type_table.hpp>   // names of types
