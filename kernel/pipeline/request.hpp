// One request on its way through the kernel: who asks, until when, on which generation, and where its memory lives.
//
// Threads: made, used and destroyed on the fiber that serves it; cancelAllOn() on the loop of a shard.
// Owns:    its arena and its pin on the generation, so everything a plugin borrowed stays valid until it ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <howdah/abi/base.h>

#include "kernel/base/arena.hpp"
#include "kernel/host/generation.hpp"
#include "kernel/runtime/cancellation.hpp"

namespace howdah::kernel {

class QueryRun;

// Verified identity; final before any hook runs.
struct Principal {
    std::string subject = "local";
    std::string tenant;
    std::string tier;
    std::vector<std::string> scopes;
    bool local = false;  // the user of stdio and of auth: none, who holds every scope there is
};

// Who that is; also who stands behind what the kernel and plugins do of their own. In scopes.cpp.
const Principal& localUser();

// What the client says of itself. Never used for a decision about access.
struct Client {
    std::string name;
    std::string version;
    std::string protocol;               // MCP revision in force for this request, e.g. "2026-07-28"
    bool structured = true;             // this revision knows structuredContent (2025-06-18 and later)
    std::uint32_t askable = 0;          // HOWDAH_CALL_CAN_*: questions it has declared that it can answer
    bool samples_with_tools = false;    // what a question to its model may hold besides
    bool samples_with_context = false;  // "includeContext": the conversation, of this server or of all
};

// What every host call of a request says from the moment its answer is to be a question.
inline constexpr std::string_view kClientIsAsked = "the client is asked first; the call begins again with its answer";

// The same when the call is to go on as a task.
inline constexpr std::string_view kBecomesTask = "the call goes on as a task, from its first line";

class Request {
public:
    Request();
    ~Request();  // closes the queries a plugin left open
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    std::uint64_t id;          // unique in this process; the JSON-RPC id stays with the protocol
    GenerationPin generation;  // null in a plugin's own tasks: they pin for each query, so as not to hold one for life
    const Principal* principal;
    const Client* client = nullptr;  // null outside client requests
    std::string_view transport;      // "stdio", "http", "websocket", "control"
    Deadline deadline;
    Cancellation* cancellation = nullptr;
    Arena arena;
    bool has_written = false;  // a statement that may write was sent
    const std::vector<std::string>* scopes_needed =
        nullptr;                // set when the principal lacks one of them; of the generation
    bool client_asked = false;  // the call ends and comes again with the answer: nothing more is done for it now
    // Of a task: the plugin that runs it. A reload that keeps this plugin lets the task go on.
    const Instance* task_of = nullptr;

    // The principal as plugins see it.
    const howdah_principal* principalView();

    // Queries begun and not yet closed, the innermost last.
    std::vector<std::unique_ptr<QueryRun>> queries;
    // Closes those begun since there were `kept`, the innermost first: what a hook or a tool leaves open ends with it.
    void closeQueries(std::size_t kept);

    // Cancels the requests of this thread that run on the generation: they had their time. Not the tasks of plugins
    // that `current` has kept.
    static void cancelAllOn(const Generation* generation, const std::vector<const Instance*>& kept);

private:
    // All requests of one shard, so that no lock is needed.
    Request* previous_ = nullptr;
    Request* next_ = nullptr;

    howdah_principal principal_view_{};
    std::vector<howdah_str> scopes_view_;
};

}  // namespace howdah::kernel
