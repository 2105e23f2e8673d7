/* Howdah plugin ABI, part 7: calls. What clients ask plugins for: tools, prompts, resources, completions.
 *
 * Names, descriptions and schemas stand in plugin.json; the plugin binds code to them. All kinds have one shape of
 * handler, one howdah_call and one set of functions to answer with; what the pieces become differs:
 *
 *                 text()                        content()               structured()
 *   tool          a text block                  a ContentBlock          structuredContent
 *   prompt        a text message of the user    a PromptMessage         -
 *   resource      the text of the resource      a ResourceContents      the _meta of that text
 *   completion    -                             -                       {"values":[...],"total"?,"hasMore"?}
 *   resource list -                             a Resource              {"nextCursor"?}
 *
 * The JSON is that of the client's protocol revision or an older one ("MCP schema"). An error of a tool becomes a
 * result with isError, an error of the others a JSON-RPC error. */
#ifndef HOWDAH_ABI_CALL_H
#define HOWDAH_ABI_CALL_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_CALL_STRUCTURED 1u /* the client's revision knows structuredContent */
#define HOWDAH_CALL_PROGRESS 2u   /* the client asked for progress */

/* Questions this client can answer (ask). */
#define HOWDAH_CALL_CAN_ELICIT 4u      /* elicitation/create, mode form */
#define HOWDAH_CALL_CAN_ELICIT_URL 8u  /* elicitation/create, mode url */
#define HOWDAH_CALL_CAN_SAMPLE 16u     /* sampling/createMessage */
#define HOWDAH_CALL_CAN_LIST_ROOTS 32u /* roots/list */

#define HOWDAH_CALL_CAN_TASK 64u /* the client takes a task for an answer (continue_as_task) */
#define HOWDAH_CALL_IS_TASK 128u /* this is a task: the client that started it may be gone */

#define HOWDAH_CALL_TOOL 1u
#define HOWDAH_CALL_PROMPT 2u
#define HOWDAH_CALL_RESOURCE 3u
#define HOWDAH_CALL_COMPLETION 4u
#define HOWDAH_CALL_RESOURCE_LIST 5u
/* Borrowed until the handler (or hook) returns. */
typedef struct howdah_call {
    uint32_t struct_size;
    uint32_t flags;  /* HOWDAH_CALL_STRUCTURED, _PROGRESS, _CAN_... */
    howdah_str name; /* of the tool or prompt, the URI asked for, or what is completed or listed: as bound */
    howdah_str plugin;
    uint64_t request_id; /* the kernel's, unique in this process */
    const howdah_principal* principal;
    howdah_str client_name; /* as the client says; never to be trusted */
    howdah_str client_version;
    howdah_str protocol; /* MCP revision, e.g. "2026-07-28" */
    howdah_str transport;
    uint32_t kind; /* HOWDAH_CALL_TOOL ... */
    uint32_t reserved;
} howdah_call;

#define HOWDAH_TOOLS_1 "howdah.tools/1"             /* binds names of "tools" in plugin.json */
#define HOWDAH_PROMPTS_1 "howdah.prompts/1"         /* names of "prompts" */
#define HOWDAH_RESOURCES_1 "howdah.resources/1"     /* "uri" of "resources", "uriTemplate" of "resourceTemplates" */
#define HOWDAH_COMPLETIONS_1 "howdah.completions/1" /* names of "prompts", "uriTemplate" of "resourceTemplates" */
#define HOWDAH_RESOURCE_LISTS_1 "howdah.resource_lists/1" /* "uriTemplate" of "resourceTemplates" */
/* Offered by the plugin, one table for each of the ids above. */
typedef struct howdah_handlers_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] After start(): a number for what plugin.json calls so; 0 = nothing bound. Then the plugin is refused,
     * except under HOWDAH_COMPLETIONS_1 and HOWDAH_RESOURCE_LISTS_1, where it means that nothing is suggested or
     * listed. */
    uint32_t (*bind)(void* self, howdah_str name);
    /* [shard] The handler. Arguments: of a tool, valid by its schema; of a prompt, texts, the required ones present; of
     * a resource, the variables of its template; of a completion, "argument" ({"name","value"}) and "context";
     * of a resource list, "cursor" unless the first page is asked for (a client may send any).
     * HOWDAH_OK, or an error told with fail(). */
    howdah_status (*call)(void* self, howdah_ctx* ctx, uint32_t bound, howdah_call* call);
} howdah_handlers_v1;

#define HOWDAH_CALL_1 "howdah.call/1"
/* Offered by the kernel. All [shard], inside the handler. */
typedef struct howdah_call_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* The argument with that name, or HOWDAH_ERROR_NOT_FOUND (without an error in the context) when absent. */
    howdah_status (*argument)(howdah_ctx* ctx, howdah_call* call, howdah_str name, howdah_value* out);
    /* All arguments as one JSON object. */
    howdah_status (*arguments)(howdah_ctx* ctx, howdah_call* call, howdah_str* json);
    /* Appends to the answer's text; the kernel escapes it. May wait for a slow client. */
    howdah_status (*text)(howdah_ctx* ctx, howdah_call* call, howdah_str bytes);
    /* Appends raw JSON; the first call ends the text. The pieces must make one object. */
    howdah_status (*structured)(howdah_ctx* ctx, howdah_call* call, howdah_str json);
    /* Appends a whole element as JSON; ends the current text. */
    howdah_status (*content)(howdah_ctx* ctx, howdah_call* call, howdah_str json);
    /* A progress notification if the client asked; total <= 0 = not known. done must increase. */
    howdah_status (*progress)(howdah_ctx* ctx, howdah_call* call, double done, double total, howdah_str message);
    /* A log message for the client (notifications/message), if it asked for that level (0 debug .. 7 emergency) or a
     * lower one; data is JSON. Never pass passwords, connection strings or row values. */
    howdah_status (*log)(howdah_ctx* ctx, howdah_call* call, uint32_t level, howdah_str logger, howdah_str data);
    /* Asks the client, before anything is written or answered. `questions` is {"key":{"method","params"}}, each a
     * request of MCP (elicitation/create, sampling/createMessage, roots/list), keys unique in the handler; `answers`
     * becomes
     * {"key":result}. HOWDAH_ERROR_CANCELLED may mean that the client is asked by the answer to this call (2026-07-28):
     * the handler returns, and runs again from its first line when the answers are there. HOWDAH_ERROR_REFUSED: the
     * client has not declared that it can answer. Not in completions. */
    howdah_status (*ask)(howdah_ctx* ctx, howdah_call* call, howdah_str questions, howdah_str* answers);
    /* Tools with "taskSupport" in plugin.json, before anything is written or answered: what follows takes long and
     * shall outlive the connection. HOWDAH_OK: go on; this is the task, or the client takes none.
     * HOWDAH_ERROR_CANCELLED: the client has been given a task; the handler returns, and runs again from its first line
     * with the answers so far. Within a task progress() becomes its statusMessage, and ask() waits until the client has
     * answered. */
    howdah_status (*continue_as_task)(howdah_ctx* ctx, howdah_call* call);
} howdah_call_v1;

#define HOWDAH_NOTIFY_1 "howdah.notify/1"
/* Offered by the kernel. */
typedef struct howdah_notify_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] The resource with that URI is no longer what it was: clients that subscribed to it are told. */
    void (*resource_updated)(const howdah_host* host, howdah_str uri);
    /* [any] What the plugin lists under HOWDAH_RESOURCE_LISTS_1 has become more or less: clients are told. */
    void (*resource_list_changed)(const howdah_host* host);
} howdah_notify_v1;

#ifdef __cplusplus
}
#endif

#endif
