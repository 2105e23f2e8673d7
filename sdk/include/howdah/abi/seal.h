/* Howdah plugin ABI, part 10: texts that a client keeps for a plugin and gives back. */
#ifndef HOWDAH_ABI_SEAL_H
#define HOWDAH_ABI_SEAL_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOWDAH_SEAL_1 "howdah.seal/1"
/* Offered by the kernel: encrypted and authenticated (AES-256-GCM, NIST SP 800-38D) with a key of this process, which a
 * reload keeps. A sealed text is ASCII (base64url), 4/3 of the text and some 50 bytes long. */
typedef struct howdah_seal_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] Arena of ctx. INVALID_ARGUMENT for a text of more than 64 KiB. */
    howdah_status (*seal)(howdah_ctx* ctx, howdah_str purpose, howdah_str text, uint64_t ttl_ms, howdah_str* sealed);
    /* [any] Arena of ctx. NOT_FOUND for whatever this plugin did not seal for this purpose and principal, for what was
     * altered or has expired, and for what another process sealed: the holder is not told which. */
    howdah_status (*unseal)(howdah_ctx* ctx, howdah_str purpose, howdah_str sealed, howdah_str* text);
} howdah_seal_v1;

#ifdef __cplusplus
}
#endif

#endif
