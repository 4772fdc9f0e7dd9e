#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#define KERNELS ck_kernels_avxvnni
#define SIMD_NAME "avxvnni"
#define LANES 8
#define TILE_ROWS 6
#define ADD_PRODUCTS(sum, a, b) ((pairs)_mm256_dpwssd_avx_epi32((__m256i)(sum), (__m256i)(a), (__m256i)(b)))
#include "kernels.inc.h"
#pragma clang attribute pop
#endif
