// The functions of which there is one for each instruction set.
#pragma once
#include "CKernels.h"

typedef struct {
    const char *name;
    // Rows and columns of the product's inner tile.
    ptrdiff_t tile_rows, panel_width;
    // Whether there are instructions for products of bfloat16.
    int has_bf16;
    void (*apply_epilogue)(float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_epilogue *);
    void (*multiply)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, const float *, float *, ptrdiff_t,
        const ck_epilogue *, float *);
    void (*winograd_input)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*winograd_output)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_epilogue *, float *);
    void (*multiply_narrow)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, const ck_narrow_weights *, float *, ptrdiff_t,
        const ck_epilogue *, float *);
    void (*multiply_narrow_packed)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, const ck_narrow_weights *, float *, ptrdiff_t,
        const ck_epilogue *);
    void (*winograd_input_narrow)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_narrowing *, float *);
    void (*max_pool)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*add_upsampled)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*roi_align)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float, float, float, float, ptrdiff_t, ptrdiff_t, float *);
    void (*inner_products)(const float *, ptrdiff_t, ptrdiff_t, const float *, float, float *);
    float (*multiply_registers)(ptrdiff_t);
} ck_kernels;

extern const ck_kernels ck_kernels_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2;
extern const ck_kernels ck_kernels_avx512;
extern const ck_kernels ck_kernels_avx512vnni;
extern const ck_kernels ck_kernels_avx512bf16;
#endif

// The product's blocks: the part of the inner dimension whose panel stays in the first cache, and the rows whose packed
// form stays in the second.
enum { ck_inner_block = 384, ck_row_block = 144 };
// The same part of the inner dimension in pairs of 16-bit elements.
enum { ck_pair_block = 256 };
