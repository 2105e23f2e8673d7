/* Howdah plugin ABI, part 12: how a plugin sees the server as a whole, for those who watch it from outside. */
#ifndef HOWDAH_ABI_HEALTH_H
#define HOWDAH_ABI_HEALTH_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_HEALTH_OK 0u
#define HOWDAH_HEALTH_DEGRADED 1u  /* it serves, and somebody should look: GET /healthz says so in a word */
#define HOWDAH_HEALTH_NOT_READY 2u /* better no requests for now: GET /readyz is answered with 503 */

#define HOWDAH_HEALTH_1 "howdah.health/1"
/* Offered by the kernel. */
typedef struct howdah_health_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] From now on; the worst of what the plugins say counts. Whoever says nothing is HOWDAH_HEALTH_OK, and what a
     * replaced instance has said goes with its generation. */
    void (*tell)(const howdah_host* host, uint32_t health);
} howdah_health_v1;

#ifdef __cplusplus
}
#endif

#endif
