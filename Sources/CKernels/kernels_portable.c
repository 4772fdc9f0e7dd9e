#define KERNELS ck_kernels_portable
#define SIMD_NAME "portable"
#define LANES 4
// The accumulators have to fit: 32 registers on aarch64, 16 on x86-64.
#if defined(__aarch64__)
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif
#include "kernels.inc.h"
