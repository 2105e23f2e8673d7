#include "kernel/cli/client_configs.hpp"

#include <howdah/result.hpp>

#include "kernel/base/json.hpp"

namespace howdah::kernel::cli {
namespace {

std::string section(const std::string& title, const std::string& body) {
    return concat("\n", title, "\n", body, "\n");
}

}  // namespace

std::string clientConfigs(const std::string& url, const std::string& program, const std::string& database_url) {
    Json stdio{{"command", program}, {"args", {"serve"}}, {"env", {{"DATABASE_URL", database_url}}}};
    std::string out;
    out +=
        section("Claude Desktop (claude_desktop_config.json; it starts a server of its own, for the database you name)",
                Json{{"mcpServers", {{"howdah", stdio}}}}.dump(2));
    out += section("Claude Code (in a terminal)", concat("claude mcp add --transport http howdah ", url));
    out += section("Cursor (.cursor/mcp.json)", Json{{"mcpServers", {{"howdah", {{"url", url}}}}}}.dump(2));
    out += section("VS Code (.vscode/mcp.json)",
                   Json{{"servers", {{"howdah", {{"type", "http"}, {"url", url}}}}}}.dump(2));
    out += section("Windsurf (~/.codeium/windsurf/mcp_config.json)",
                   Json{{"mcpServers", {{"howdah", {{"serverUrl", url}}}}}}.dump(2));
    return out;
}

}  // namespace howdah::kernel::cli
