#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define KERNELS ck_kernels_avx512
#define SIMD_NAME "avx512"
#define LANES 16
#define TILE_ROWS 12
#define MULTIPLY_PAIRS(a, b) ((pairs)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#include "kernels.inc.h"
#pragma clang attribute pop
#endif
