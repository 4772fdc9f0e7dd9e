#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,avx512vnni,avx512bf16"))), apply_to = function)
#define KERNELS ck_kernels_avx512bf16
#define SIMD_NAME "avx512bf16"
#define LANES 16
#define TILE_ROWS 12
#define ADD_PRODUCTS(sum, a, b) ((pairs)_mm512_dpwssd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b)))
#define ADD_BF16_PRODUCTS(sum, a, b) ((lanes)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b)))
#include "kernels.inc.h"
#pragma clang attribute pop
#endif
