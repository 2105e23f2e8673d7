/* The same as ../hello on the C ABI alone: no C++, no library. One tool, one hook. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <howdah/abi/call.h>
#include <howdah/abi/hooks.h>
#include <howdah/abi/plugin.h>

struct hello {
    howdah_plugin plugin;
    const howdah_context_v1* context;
    const howdah_call_v1* call;
    atomic_ullong calls; /* calls come in on several shards at once */
};

static howdah_status fail(const struct hello* hello, howdah_ctx* ctx, const char* message) {
    howdah_error error = {
        .struct_size = sizeof error, .code = HOWDAH_ERROR_INTERNAL, .message = {message, strlen(message)}};
    return hello->context->fail(ctx, &error);
}

/* --- the tool */
static uint32_t bind(void* self, howdah_str tool) {
    (void)self;
    return tool.size == 7 && memcmp(tool.data, "hello_c", 7) == 0 ? 1 : 0;
}

static howdah_status greet(void* self, howdah_ctx* ctx, uint32_t bound, howdah_call* call) {
    struct hello* hello = self;
    (void)bound; /* there is one tool only */
    howdah_value name = {0};
    howdah_status status = hello->call->argument(ctx, call, (howdah_str){"name", 4}, &name);
    if (status < 0) return fail(hello, ctx, "the argument name is missing"); /* the schema requires it */
    char line[320];
    int size = snprintf(line, sizeof line, "Hello, %.*s! Calls so far: %llu", (int)name.text.size, name.text.data,
                        atomic_load(&hello->calls));
    if (size < 0 || (size_t)size >= sizeof line) return fail(hello, ctx, "the name is too long for a greeting");
    return hello->call->text(ctx, call, (howdah_str){line, (uint64_t)size});
}

static const howdah_handlers_v1 tools = {.struct_size = sizeof tools, .bind = bind, .call = greet};

/* --- the hook */
static uint32_t before_call(void* self, howdah_ctx* ctx, howdah_call* call) {
    struct hello* hello = self;
    (void)ctx, (void)call;
    atomic_fetch_add(&hello->calls, 1);
    return HOWDAH_PROCEED;
}

static const howdah_hooks_v1 hooks = {.struct_size = sizeof hooks, .before_call = before_call};

/* --- lifecycle */
static howdah_status configure(void* self, howdah_ctx* ctx, howdah_str section) {
    (void)self, (void)ctx, (void)section; /* plugin.json allows no key, so the section is {} */
    return HOWDAH_OK;
}
static howdah_status start(void* self, howdah_ctx* ctx) {
    (void)self, (void)ctx;
    return HOWDAH_OK;
}
static void stop(void* self) {
    (void)self;
}
static void destroy(void* self) {
    free(self);
}
static const void* get_interface(void* self, const char* id) {
    (void)self;
    if (strcmp(id, HOWDAH_TOOLS_1) == 0) return &tools;
    if (strcmp(id, HOWDAH_HOOKS_1) == 0) return &hooks;
    return NULL;
}

static const howdah_plugin* create(const howdah_host* host) {
    struct hello* hello = calloc(1, sizeof *hello);
    if (!hello) return NULL;
    hello->plugin = (howdah_plugin){.struct_size = sizeof(howdah_plugin),
                                    .self = hello,
                                    .configure = configure,
                                    .start = start,
                                    .stop = stop,
                                    .destroy = destroy,
                                    .get_interface = get_interface};
    hello->context = host->get_interface(host, HOWDAH_CONTEXT_1);
    hello->call = host->get_interface(host, HOWDAH_CALL_1);
    if (!hello->context || !hello->call) {
        free(hello);
        return NULL;
    }
    return &hello->plugin;
}

__attribute__((visibility("default"))) extern const howdah_entry_v1 howdah_plugin_v1;
const howdah_entry_v1 howdah_plugin_v1 = {.struct_size = sizeof(howdah_entry_v1),
                                          .abi_minor_built = HOWDAH_ABI_MINOR,
                                          .abi_minor_needs = HOWDAH_ABI_NEEDS,
                                          .id = {HOWDAH_PLUGIN_ID, sizeof(HOWDAH_PLUGIN_ID) - 1},
                                          .version = {HOWDAH_PLUGIN_VERSION, sizeof(HOWDAH_PLUGIN_VERSION) - 1},
                                          .create = create};
