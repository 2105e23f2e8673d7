/* Howdah plugin ABI, part 2: the one exported symbol, the lifecycle, and how interfaces are found.
 *
 * A plugin exports one const data symbol, howdah_plugin_v1, so that the kernel reads identity and range before it runs
 * any plugin code. Lifecycle: create, configure, start, (running), stop, destroy; all [control]. */
#ifndef HOWDAH_ABI_PLUGIN_H
#define HOWDAH_ABI_PLUGIN_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct howdah_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    void* self; /* the kernel's, for the functions that take a howdah_host */
    /* [any] The kernel's interface with that id, e.g. "howdah.context/1"; null if this kernel has none.
     * Owned by the kernel, valid until destroy() returns. */
    const void* (*get_interface)(const struct howdah_host* host, const char* id);
} howdah_host;

typedef struct howdah_plugin {
    uint32_t struct_size;
    uint32_t reserved;
    void* self; /* first argument of every function of the plugin */
    /* [control] Checks the plugin's section of the configuration (JSON object, already valid by its schema). No service
     * may be used yet. Called once; another configuration means another instance. */
    howdah_status (*configure)(void* self, howdah_ctx* ctx, howdah_str section);
    /* [control] Services of the plugins it requires are usable from here on. */
    howdah_status (*start)(void* self, howdah_ctx* ctx);
    /* [control] No request is inside any more; tasks have been cancelled and have returned. Joins its own threads. */
    void (*stop)(void* self);
    /* [control] Frees the instance. */
    void (*destroy)(void* self);
    /* [any] The plugin's interface with that id, e.g. "howdah.hooks/1"; null if it has none. */
    const void* (*get_interface)(void* self, const char* id);
} howdah_plugin;

typedef struct howdah_entry_v1 {
    uint32_t struct_size;
    uint16_t abi_minor_built; /* HOWDAH_ABI_MINOR of the headers it was compiled with */
    uint16_t abi_minor_needs; /* the oldest minor it works with; the kernel refuses only above its own */
    howdah_str id;            /* equal to plugin.json */
    howdah_str version;       /* equal to plugin.json */
    /* [control] A new instance; null on failure. Must not use services. */
    const howdah_plugin* (*create)(const howdah_host* host);
} howdah_entry_v1;

#define HOWDAH_ENTRY_SYMBOL "howdah_plugin_v1"

#define HOWDAH_CONTEXT_1 "howdah.context/1"
/* Offered by the kernel. */
typedef struct howdah_context_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard, control] Copies the error into the context and returns its code: `return context->fail(ctx, &error);` */
    howdah_status (*fail)(howdah_ctx* ctx, const howdah_error* error);
    /* [shard, control] The error of the last call that failed in this context; borrowed until the next call. */
    void (*last_error)(howdah_ctx* ctx, howdah_error* out);
    /* [shard, control] Memory that lives until the request ends, 16-byte aligned; null when the request's limit is
     * reached. */
    void* (*alloc)(howdah_ctx* ctx, uint64_t size);
    /* [shard, control] HOWDAH_OK, HOWDAH_ERROR_CANCELLED or HOWDAH_ERROR_TIMEOUT. Long loops ask it. */
    howdah_status (*status)(howdah_ctx* ctx);
    /* [shard, control] Monotonic nanoseconds at which the request ends; UINT64_MAX = never. */
    uint64_t (*deadline_ns)(howdah_ctx* ctx);
    /* [any] Monotonic nanoseconds now. */
    uint64_t (*now_ns)(const howdah_host* host);
} howdah_context_v1;

#define HOWDAH_LOG_1 "howdah.log/1"
#define HOWDAH_LOG_DEBUG 1
#define HOWDAH_LOG_INFO 2
#define HOWDAH_LOG_WARN 3
#define HOWDAH_LOG_ERROR 4
/* Offered by the kernel. Never pass passwords, connection strings or row values. */
typedef struct howdah_log_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] One line, cut at 4 KiB; dropped and counted when the log is behind. */
    void (*write)(const howdah_host* host, int32_t level, howdah_str line);
} howdah_log_v1;

#define HOWDAH_SERVICES_1 "howdah.services/1"
/* Offered by the kernel. */
typedef struct howdah_services_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] In start(): the table and self of a service named in the manifest's requires or optional.
     * HOWDAH_ERROR_NOT_FOUND when an optional one is absent. Valid until stop() returns; a plugin whose provider is
     * replaced is replaced with it. */
    howdah_status (*acquire)(const howdah_host* host, howdah_ctx* ctx, howdah_str id, const void** table, void** self);
} howdah_services_v1;

#define HOWDAH_KERNEL_1 "howdah.kernel/1"
#define HOWDAH_PATH_PLUGIN 1u /* the folder of the plugin's files (plugin.json and its data), read only */
#define HOWDAH_PATH_STATE 2u  /* a folder of this plugin's own that outlives the process; created 0700 */
/* Offered by the kernel: introspection. */
typedef struct howdah_kernel_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control, shard] The configured databases as JSON: [{"name","access","dsn"?,"source"?}]. dsn stands only for
     * plugins whose manifest permits "databases.credentials". */
    howdah_status (*databases)(const howdah_host* host, howdah_ctx* ctx, howdah_str* json);
    /* [control, shard] HOWDAH_PATH_*. */
    howdah_status (*path)(const howdah_host* host, howdah_ctx* ctx, uint32_t which, howdah_str* path);
    /* [control, shard] Version, generation, plugins with state, run mode and reason, as JSON. */
    howdah_status (*describe)(const howdah_host* host, howdah_ctx* ctx, howdah_str* json);
} howdah_kernel_v1;

#define HOWDAH_REPORT_1 "howdah.report/1"
/* Offered by a plugin that has something to tell `howdah doctor` and `howdah plugin list`. */
typedef struct howdah_report_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [shard] A JSON object, arena of ctx: {"status":"ok|warn|fail","checks":[{"name","status","text","remedy"?}],
     * ...}. No secrets. */
    howdah_status (*report)(void* self, howdah_ctx* ctx, howdah_str* json);
} howdah_report_v1;

#ifdef __cplusplus
}
#endif

#endif
