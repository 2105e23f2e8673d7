// The rules a statement can break: one line each with its id, its reason and what to do next.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include <howdah/result.hpp>

namespace howdah::guard {

enum class Rule : std::uint8_t {
    nul_byte,
    not_utf8,
    byte_order_mark,
    text_too_long,
    too_many_tokens,
    too_deep,
    empty_statement,
    several_statements,
    syntax,
    not_classified,
    node_not_allowed,
    data_modification,
    schema_change,
    select_into,
    row_lock,
    table_lock,
    copy,
    anonymous_code,
    procedure_call,
    transaction_control,
    session_state,
    server_administration,
    temporary_object,
    explain_option,
    function_unsafe,
    function_not_allowed,
    attribute_not_allowed,
    operator_not_allowed,
    relation_secret,
    setting_secret,
    sample_method,
    parameter_number,
    function_shadowed,
    operator_shadowed,
    relation_not_allowed,
    type_not_allowed,
    cast_not_allowed,
    value_too_large,
    expression_too_large,
    catalog_unread,
};

std::string_view id(Rule rule);

// The refusal of `rule`. `what` names the thing met (a function, a limit), "" if the reason says it all;
// `position` is the 1-based character, 0 if there is none.
Error refusal(Rule rule, std::string_view what, std::uint32_t position);

}  // namespace howdah::guard
