/* Howdah plugin ABI, part 7: tools. Names, descriptions and schemas stand in plugin.json; the plugin binds code. */
#ifndef HOWDAH_ABI_TOOLS_H
#define HOWDAH_ABI_TOOLS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_CALL_STRUCTURED 1u /* the client's revision knows structuredContent */
#define HOWDAH_CALL_PROGRESS 2u   /* the client asked for progress */
/* Borrowed until the handler (or hook) returns. */
typedef struct howdah_call {
    uint32_t struct_size;
    uint32_t flags; /* HOWDAH_CALL_* */
    howdah_str tool;
    howdah_str plugin;
    uint64_t request_id; /* the kernel's, unique in this process */
    const howdah_principal* principal;
    howdah_str client_name; /* as the client says; never to be trusted */
    howdah_str client_version;
    howdah_str protocol; /* MCP revision, e.g. "2026-07-28" */
    howdah_str transport;
} howdah_call;

#define HOWDAH_TOOLS_1 "howdah.tools/1"
/* Offered by the plugin. */
typedef struct howdah_tools_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] After start(): a number for the tool of that name, 0 = nothing bound (then the plugin is refused). */
    uint32_t (*bind)(void* self, howdah_str tool);
    /* [shard] The handler. Arguments are valid by the tool's schema. HOWDAH_OK, or an error told with fail(), which
     * becomes a result with isError. */
    howdah_status (*call)(void* self, howdah_ctx* ctx, uint32_t bound, howdah_call* call);
} howdah_tools_v1;

#define HOWDAH_CALL_1 "howdah.call/1"
/* Offered by the kernel. All [shard], inside the handler. */
typedef struct howdah_call_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* The argument with that name, or HOWDAH_ERROR_NOT_FOUND (without an error in the context) when absent. */
    howdah_status (*argument)(howdah_ctx* ctx, howdah_call* call, howdah_str name, howdah_value* out);
    /* All arguments as one JSON object. */
    howdah_status (*arguments)(howdah_ctx* ctx, howdah_call* call, howdah_str* json);
    /* Appends to the answer's text block; the kernel escapes it. May wait for a slow client. */
    howdah_status (*text)(howdah_ctx* ctx, howdah_call* call, howdah_str bytes);
    /* Appends raw JSON to structuredContent; the first call ends the text. The pieces must make one object. */
    howdah_status (*structured)(howdah_ctx* ctx, howdah_call* call, howdah_str json);
    /* Appends a whole content block (MCP ContentBlock) as JSON; ends the current text block. */
    howdah_status (*content)(howdah_ctx* ctx, howdah_call* call, howdah_str json);
    /* A progress notification if the client asked; total <= 0 = not known. done must increase. */
    howdah_status (*progress)(howdah_ctx* ctx, howdah_call* call, double done, double total, howdah_str message);
} howdah_call_v1;

#ifdef __cplusplus
}
#endif

#endif
