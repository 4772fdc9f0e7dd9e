// The functions of which there is one for each instruction set.
#pragma once
#include "CKernels.h"

typedef struct {
    const char *name;
    // Rows and columns of the product's inner tile.
    ptrdiff_t tile_rows, panel_width;
    void (*apply_epilogue)(float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_epilogue *);
    void (*multiply)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, const float *, float *, ptrdiff_t,
        const ck_epilogue *, float *);
    void (*winograd_input)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*winograd_output)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_epilogue *, float *);
    void (*max_pool)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*add_upsampled)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*roi_align)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float, float, float, float, ptrdiff_t, ptrdiff_t, float *);
    void (*inner_products)(const float *, ptrdiff_t, ptrdiff_t, const float *, float, float *);
    float (*multiply_registers)(ptrdiff_t);
    void (*sigmoid)(float *, ptrdiff_t);
    void (*softmax)(const float *, ptrdiff_t, ptrdiff_t, float *);
    void (*decode_boxes)(const float *, const float *, ptrdiff_t, const ck_box_coder *, float *);
    int (*overlaps_any)(const ck_box_columns *, ptrdiff_t, const float *, float, float);
    void (*resize_normalized)(
        const uint8_t *, ptrdiff_t, const float *, const ck_resize_place *, const ck_resize_place *, ptrdiff_t,
        ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, float *);
    void (*mask_column)(
        const float *, const float *, float, float, ptrdiff_t, float, float, float *, uint8_t *);
} ck_kernels;

extern const ck_kernels ck_kernels_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2;
extern const ck_kernels ck_kernels_avx512;
#endif

// The product's blocks: the part of the inner dimension whose panel stays in the first cache, and the rows whose packed
// form stays in the second.
enum { ck_inner_block = 384, ck_row_block = 144 };
