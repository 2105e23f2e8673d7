// The plugin: the tools list_tables and describe_table over registered statements.
//
// Threads: the configuration does not change after configure(); the handlers share nothing else.
#include <howdah/plugin.hpp>

#include "statements.hpp"
#include "tools.hpp"

namespace howdah::schema {
namespace {

class SchemaTools final : public Plugin {
public:
    // The ranges and defaults stand in plugin.json; the kernel has checked them.
    Result<void> configure(const Json& section) override {
        config_.answer_bytes_max = section.value("answer_bytes_max", config_.answer_bytes_max);
        config_.entries_max = section.value("entries_max", config_.entries_max);
        return {};
    }

    Result<void> start(Offer& offer) override {
        for (const Statement& statement : {kListTables, kFindTable, kTableNames, kDescribeTable}) {
            if (auto done = offer.statement(statement); !done) return done;
        }
        offer.bind("list_tables", [this](ToolCall& call) { return listTables(call, config_); });
        offer.bind("describe_table", [this](ToolCall& call) { return describeTable(call, config_); });
        return {};
    }

private:
    Config config_;
};

}  // namespace
}  // namespace howdah::schema

using SchemaPlugin = howdah::schema::SchemaTools;
HOWDAH_PLUGIN(SchemaPlugin)
