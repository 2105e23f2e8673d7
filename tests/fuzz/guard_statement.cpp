// Whatever the text: the guard comes to a verdict; a refusal names its rule and what to do; what passes as a read, by
// the text alone or by a catalog, is one statement that passes there again when it is cut out, and the write path takes
// it too. And the tree that it was judged by is the one that libpg_query's JSON describes.
#include <string>

#include "fuzz/input.hpp"
#include "plugins/guard/classify.hpp"
#include "plugins/guard/snapshot_builder.hpp"
#include "plugins/guard/text_scan.hpp"
#include "tests/plugins/guard/tree_difference.hpp"

using namespace howdah::guard;
using howdah::fuzz::must;

namespace {

const Snapshot& catalog() {
    static const auto snapshot = [] {
        using Part = Snapshot::Builder::Part;
        Snapshot::Builder builder;
        bool sound = true;
        for (const auto& [part, json] :
             {std::pair{Part::own_functions, R"([[870,"lower"]])"},
              std::pair{Part::schemas, R"([[11,"pg_catalog",true],[100,"public",true],[0,"reader",false]])"},
              std::pair{Part::functions, R"([[20001,100,"lower",1,0,false,"f","v",0,null,false,null,false,false]])"},
              std::pair{Part::relations, R"([[30001,100,"t","r",false,false,0],[30002,100,"r","v",false,false,0]])"},
              std::pair{Part::code, R"([["r",30002,[],[20001],false]])"},
              std::pair{Part::reach, R"([["s",20001,0],["c",30001,30001],["x",30002,0]])"}})
            sound = sound && builder.add(part, json).has_value();
        auto built = builder.build(Policy{});
        must(sound && built.has_value(), "the catalog is sound");
        return *built;
    }();
    return *snapshot;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size > kInlineBytes) return 0;  // longer ones go to a thread with a large stack
    const std::string sql(howdah::fuzz::textOf(bytes, size));
    static const Policy policy;
    static const SchemaSet path = SchemaSet::ofSession(catalog());
    const Resolver resolver(catalog(), path);

    // Neither takes all that the other takes: only a catalog knows that (t).id is a column.
    for (const Resolver* const by : {static_cast<const Resolver*>(nullptr), &resolver}) {
        const auto judged = classify(sql, policy, by);
        if (!judged) {
            must(!judged.error().rule.empty() && !judged.error().hint.empty(), "a refusal says why and what to do");
            continue;
        }
        must(judged->body_begin < judged->body_end && judged->body_end <= sql.size(), "the statement lies in the text");
        const std::string body = sql.substr(judged->body_begin, judged->body_end - judged->body_begin);
        must(classify(body, policy, by).has_value(), "what passed passes alone");
        must(classifyWrite(sql, policy, by).has_value(), "a read may be sent where writes may");
    }
    // The catalog only tells what a write reaches; it judges none.
    must(classifyWrite(sql, policy).has_value() == classifyWrite(sql, policy, &resolver).has_value(),
         "a write is judged by its text");
    if (scanText(sql, {})) must(test::TreeDifference().of(sql).empty(), "the tree is that of the JSON");
    return 0;
}
