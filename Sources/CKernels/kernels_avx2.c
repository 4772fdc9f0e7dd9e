#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNELS ck_kernels_avx2
#define SIMD_NAME "avx2"
#define LANES 8
#define TILE_ROWS 6
#define MULTIPLY_PAIRS(a, b) ((pairs)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#include "kernels.inc.h"
#pragma clang attribute pop
#endif
