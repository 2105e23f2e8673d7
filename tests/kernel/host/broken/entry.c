/* A library with an entry, sound or not, and nothing behind it. */
#include <howdah/abi/plugin.h>

static const howdah_plugin* create(const howdah_host* host) {
    (void)host;
    return 0;
}

__attribute__((visibility("default"))) const howdah_entry_v1 howdah_plugin_v1 = {
    ENTRY_SIZE, HOWDAH_ABI_MINOR, ENTRY_NEEDS, {"broken", 6}, {"1.0.0", 5}, create};
