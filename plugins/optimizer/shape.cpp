#include "plugins/optimizer/shape.hpp"

#include <cstdlib>

#include "plugins/optimizer/syntax.hpp"

namespace howdah::optimizer {
namespace {

bool isStar(const Json& column_ref) {
    const Json fields = column_ref.value("fields", Json::array());
    return !fields.empty() && typeOf(fields.back()) == "A_Star";
}

bool hasStar(const Json& select) {
    bool star = false;
    for (const Json& target : select.value("targetList", Json::array())) {
        const Json value = bodyOf(target).value("val", Json::object());
        star = star || (typeOf(value) == "ColumnRef" && isStar(bodyOf(value)));
    }
    return star;
}

void noteColumns(const Json& tree, std::set<std::string>& into) {
    eachOf(tree, "ColumnRef", [&](const Json& body) {
        if (const auto names = namesOf(body); !names.empty()) into.insert(names.back());
    });
}

}  // namespace

Result<Shape> shapeOf(std::string_view sql) {
    auto tree = parseStatement(sql);
    if (!tree) return std::move(tree).error();
    Shape shape;
    if (typeOf(*tree) != "SelectStmt") return shape;
    const Json& select = bodyOf(*tree);
    shape.star = hasStar(select);
    shape.ordered = select.contains("sortClause");
    const Json offset = select.value("limitOffset", Json::object());
    if (typeOf(offset) == "ParamRef") shape.offset_parameter = bodyOf(offset).value("number", 0);
    if (typeOf(offset) == "A_Const") {
        const Json& value = bodyOf(offset);
        if (value.contains("ival")) shape.offset = value["ival"].value("ival", 0);
        if (value.contains("fval"))
            shape.offset = std::strtod(value["fval"].value("fval", std::string("0")).c_str(), nullptr);
    }
    eachOf(*tree, "TypeCast",
           [&](const Json& body) { noteColumns(body.value("arg", Json::object()), shape.cast_columns); });
    eachOf(*tree, "BoolExpr", [&](const Json& body) {
        if (body.value("boolop", "") != "NOT_EXPR") return;
        for (const Json& arg : body.value("args", Json::array()))
            if (typeOf(arg) == "SubLink" && bodyOf(arg).value("subLinkType", "") == "ANY_SUBLINK")
                shape.not_in_subquery = true;
    });
    return shape;
}

}  // namespace howdah::optimizer
