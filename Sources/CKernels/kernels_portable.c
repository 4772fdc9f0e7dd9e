#define KERNELS ck_kernels_portable
#define SIMD_NAME "portable"
// Others may be given to the compiler: so the shapes of an instruction set are tested where the processor has not got
// it.
#if defined(CK_PORTABLE_LANES)
#define LANES CK_PORTABLE_LANES
#define TILE_ROWS CK_PORTABLE_TILE_ROWS
#else
#define LANES 4
// The accumulators have to fit: 32 registers on aarch64, 16 on x86-64.
#if defined(__aarch64__)
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif
#endif
#include "kernels.inc.h"
