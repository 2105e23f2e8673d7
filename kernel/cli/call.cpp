// howdah call: one tool, with or without a server that runs already.
#include <cstdio>
#include <cstdlib>

#include "kernel/base/log.hpp"
#include "kernel/base/nearest.hpp"
#include "kernel/cli/call_tool.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {
namespace {

// The argument's type by the tool's schema: text stays as it is typed, everything else is JSON.
Result<Json> argumentValue(const Json& schema, const std::string& key, const std::string& text) {
    const Json properties = schema.value("properties", Json::object());
    if (!properties.contains(key)) {
        std::vector<std::string> names;
        for (const auto& [name, property] : properties.items())
            names.push_back(name);
        std::vector<std::string_view> views(names.begin(), names.end());
        return Error::invalidArgument("the tool has no argument \"", key, "\"", didYouMean(key, views));
    }
    const Json type = properties[key].value("type", Json());
    if (type == "string") return Json(text);
    auto value = parseJson(text);
    if (value) return value;
    if (type.is_array() || type.is_null()) return Json(text);  // text may be meant as well
    return Error::invalidArgument(key, " must be ", type.is_string() ? type.get<std::string>() : type.dump(), ", got ",
                                  text);
}

Result<Json> toolSchema(McpClient& client, const std::string& tool) {
    auto listed = client.request("tools/list", Json::object());
    if (!listed) return std::move(listed).error();
    std::vector<std::string> names;
    for (const Json& item : (*listed)["tools"]) {
        names.push_back(item["name"].get<std::string>());
        if (names.back() == tool) return item["inputSchema"];
    }
    std::vector<std::string_view> views(names.begin(), names.end());
    std::string known;
    for (const std::string& name : names)
        known += (known.empty() ? "" : ", ") + name;
    return Error::notFound("no tool \"", tool, "\"", didYouMean(tool, views), "; there are: ", known);
}

}  // namespace

Result<Json> callTool(McpClient& client, const std::string& tool, const std::vector<std::string>& arguments) {
    auto schema = toolSchema(client, tool);
    if (!schema) return std::move(schema).error();
    Json object = Json::object();
    for (const std::string& argument : arguments) {
        auto equals = argument.find('=');
        if (equals == std::string::npos) return Error::invalidArgument("arguments are key=value, got ", argument);
        std::string key = argument.substr(0, equals);
        auto value = argumentValue(*schema, key, argument.substr(equals + 1));
        if (!value) return std::move(value).error();
        object[key] = std::move(*value);
    }
    return client.request("tools/call", Json{{"name", tool}, {"arguments", std::move(object)}});
}

void printAnswer(const Json& result) {
    for (const Json& block : result.value("content", Json::array())) {
        std::printf("%s\n", block.value("type", "") == "text" ? block["text"].get<std::string>().c_str()
                                                              : dumpJson(block).c_str());
    }
}

void printMember(const Json& result, const std::string& member) {
    const Json content = result.value("structuredContent", Json::object());
    if (!content.contains(member)) return printAnswer(result);
    const Json& value = content[member];
    std::printf("%s\n", value.is_string() ? value.get_ref<const std::string&>().c_str() : dumpJson(value, 2).c_str());
}

int call(const CommonOptions& common, const CallOptions& options) {
    std::unique_ptr<Server> server;
    std::string url = options.url;
    if (url.empty()) {
        // No server named: one for this call, on a port of its own.
        auto config = loadConfig(common);
        if (!config) return fail(config.error(), kConfiguration);
        LogOptions quiet;
        quiet.level = LogLevel::error;
        if (auto logging = startLog(quiet); !logging) return fail(logging.error());
        HttpConfig http;
        http.auth = "none";
        http.listen.front().port = 0;
        const std::string path = http.path;
        config->tools.profile = "all";  // the list is for models
        config->transports.http = std::move(http);
        Server::Options parts;
        parts.control = false;
        auto started = Server::start(std::move(*config), std::move(parts));
        if (!started) return fail(started.error(), kConfiguration);
        server = std::move(*started);
        url = concat("http://127.0.0.1:", server->httpPort(), path);
    }
    const char* token = std::getenv("HOWDAH_TOKEN");
    auto client = McpClient::connect(url, token && !options.url.empty() ? token : "", options.ca_file);
    Result<Json> result = client ? callTool(**client, options.tool, options.arguments) : Result<Json>(client.error());
    if (client) client->reset();
    if (server) server->stop(Deadline::in(std::chrono::seconds(5)));
    stopLog();
    if (!result) return fail(result.error(), result.error().code == Code::unavailable ? kUnreachable : kUsage);
    if (options.json) {
        std::printf("%s\n", dumpJson(*result, 2).c_str());
    } else if (!options.print.empty()) {
        printMember(*result, options.print);
    } else {
        printAnswer(*result);
    }
    return result->value("isError", false) ? kToolError : kDone;
}

}  // namespace howdah::kernel::cli
