// howdah demo: a private PostgreSQL with a sample business in it, this server in front, real calls through HTTP.
#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "kernel/base/log.hpp"
#include "kernel/cli/call_tool.hpp"
#include "kernel/cli/client_configs.hpp"
#include "kernel/cli/signals.hpp"
#include "kernel/server/server.hpp"

namespace howdah::kernel::cli {
namespace {

std::string configText(const DemoOptions& options) {
    return concat(R"(howdah: 1
transports:
  # auth: none means that every program on this machine may call; only this machine can reach 127.0.0.1.
  http: { listen: "127.0.0.1:)",
                  options.port, R"(", auth: none }
databases:
  main: { source: embedded, access: restricted }
plugins:
  - embedded: { keep: )",
                  options.keep ? "true" : "false", R"( }
  - pool
  - guard
  - query
  - schema
)");
}

struct Step {
    const char* title;
    const char* tool;
    std::vector<std::string> arguments;
};

const std::vector<Step>& steps() {
    static const std::vector<Step> list = {
        {"What is in the database?", "list_tables", {"detail=summary"}},
        {"What does an order look like?", "describe_table", {"table=shop.orders"}},
        {"Which products bring in the most?",
         "query",
         {"sql=select p.name, sum(i.quantity) as sold, sum(i.quantity * i.unit_price) as revenue from shop.order_items "
          "i "
          "join shop.products p on p.id = i.product_id group by p.name order by revenue desc limit 5",
          "format=markdown"}},
        {"And what happens when an agent tries to write?", "query", {"sql=delete from shop.orders"}},
    };
    return list;
}

// Runs the steps; false if one did not end as it should (the last must be refused).
bool runSteps(McpClient& client) {
    for (const Step& step : steps()) {
        std::printf("\n\033[1m%s\033[0m\n$ howdah call %s", step.title, step.tool);
        for (const std::string& argument : step.arguments)
            std::printf(" '%s'", argument.c_str());
        std::printf("\n");
        auto result = callTool(client, step.tool, step.arguments);
        if (!result) {
            fail(result.error());
            return false;
        }
        printAnswer(*result);
        bool refused = result->value("isError", false);
        bool should_be_refused = &step == &steps().back();
        if (refused != should_be_refused) return false;
    }
    return true;
}

}  // namespace

int demo(const DemoOptions& options) {
    Signals signals;
    if (auto logging = startLog({logLevelOf(options.log_level), ""}); !logging) return fail(logging.error());
    auto config = Config::fromText(configText(options), "demo", std::filesystem::current_path());
    if (!config) return fail(config.error(), kConfiguration);
    std::printf("starting a private PostgreSQL and loading the sample business (some seconds the first time) ...\n");
    std::fflush(stdout);
    auto server = Server::start(std::move(*config), {});
    if (!server) {
        stopLog();
        return fail(server.error(), kUnreachable);
    }
    std::string url = concat("http://127.0.0.1:", (*server)->httpPort(), "/mcp");
    std::printf("serving %s, auth: none: every program on this machine may call, nobody else can reach it\n",
                url.c_str());
    bool good = false;
    {
        auto client = McpClient::connect(url);
        if (!client) {
            fail(client.error());
        } else {
            good = runSteps(**client);
        }
    }
    std::error_code ignored;
    std::string program = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
    std::printf("\n\033[1mConnect a client\033[0m%s",
                clientConfigs(url, program, "postgresql://user:password@host/database").c_str());
    std::fflush(stdout);
    if (good && !options.check) {
        std::printf("\nserving until Ctrl-C\n");
        std::fflush(stdout);
        while (signals.next() == Signals::What::reload) {
        }
    }
    bool clean = (*server)->stop(Deadline::in(std::chrono::seconds(10)));
    server->reset();
    stopLog();
    if (!good) std::fprintf(stderr, "howdah: the demo did not go as it should; see above\n");
    return good && clean ? kDone : kFailed;
}

}  // namespace howdah::kernel::cli
