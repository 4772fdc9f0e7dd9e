// The functions of which there is one for each instruction set.
#pragma once
#include "CKernels.h"

typedef struct {
    const char *name;
    // Rows and columns of the product's inner tile.
    ptrdiff_t tile_rows, panel_width;
    // Whether there are instructions for products of bfloat16.
    int has_bf16;
    // Whether there are instructions for products of 16-bit integers.
    int has_int16;
    void (*apply_epilogue)(float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_epilogue *);
    void (*multiply)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, const float *, float *, ptrdiff_t,
        const ck_epilogue *, float *);
    void (*multiply_windows)(
        const ck_window *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, float *, ptrdiff_t,
        const ck_epilogue *, float *);
    void (*multiply_packed)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, const float *, float *, ptrdiff_t, const ck_epilogue *);
    void (*winograd_input)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t);
    void (*winograd_input_packed)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t);
    void (*winograd_output)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_epilogue *, float *);
    void (*multiply_narrow)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, const ck_narrow_weights *, float *, ptrdiff_t,
        const ck_epilogue *, float *);
    void (*multiply_narrow_packed)(
        ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, const ck_narrow_weights *, float *, ptrdiff_t,
        const ck_epilogue *);
    void (*winograd_input_narrow)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t,
        const ck_narrowing *, float *, ptrdiff_t);
    void (*max_pool)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*max_pool_2x2)(const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*add_upsampled)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*roi_align)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float, float, float, float, ptrdiff_t, ptrdiff_t, float *);
    void (*roi_align_adaptive)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float, float, float, float, ptrdiff_t, ck_roi_place *,
        ptrdiff_t, float *);
    void (*inner_products)(const float *, ptrdiff_t, ptrdiff_t, const float *, float, float *);
    float (*multiply_registers)(ptrdiff_t);
    float (*multiply_narrow_cached)(ptrdiff_t, int);
    void (*sigmoid)(float *, ptrdiff_t);
    void (*softmax)(const float *, ptrdiff_t, ptrdiff_t, float *);
    void (*decode_boxes)(const float *, const float *, ptrdiff_t, const ck_box_coder *, float *);
    int (*overlaps_any)(const ck_box_columns *, ptrdiff_t, const float *, float, float);
    void (*resize_normalized)(
        const uint8_t *, ptrdiff_t, const float *, const ck_resize_place *, const ck_resize_place *, ptrdiff_t,
        ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, float *);
    void (*mask_column)(
        const float *, const float *, float, float, ptrdiff_t, float, float, float *, uint8_t *);
    void (*winograd_filter)(const float *, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t);
    void (*add_transposed_product)(
        const float *, ptrdiff_t, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t, float *);
    void (*winograd_gradient)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t);
    void (*winograd_filter_gradient)(const float *, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t);
    void (*activation_gradient)(const float *, const float *, const float *, ptrdiff_t, ptrdiff_t, float *, float *);
    void (*add_column_sums)(const float *, ptrdiff_t, ptrdiff_t, float *);
    void (*add_centered_products)(const float *, const float *, const float *, ptrdiff_t, ptrdiff_t, float *);
    void (*combine_columns)(const ck_combination *, ptrdiff_t, ptrdiff_t, float *);
    void (*add_values)(const float *, ptrdiff_t, float, float *);
    void (*transpose)(const float *, ptrdiff_t, ptrdiff_t, float *, ptrdiff_t);
    void (*max_pool_gradient)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t,
        ptrdiff_t, ptrdiff_t, float *);
    void (*add_upsampled_gradient)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*roi_align_gradient)(
        const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float, float, float, float, ptrdiff_t,
        ptrdiff_t, float *);
    void (*momentum_step)(float *, float *, float *, ptrdiff_t, const ck_momentum *);
    double (*sum_of_squares)(const float *, ptrdiff_t);
} ck_kernels;

extern const ck_kernels ck_kernels_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2;
extern const ck_kernels ck_kernels_avxvnni;
extern const ck_kernels ck_kernels_avx512;
extern const ck_kernels ck_kernels_avx512vnni;
extern const ck_kernels ck_kernels_avx512bf16;
#endif

// Pictures side by side in a mosaic of Winograd tiles.
enum { ck_mosaic_columns = 4 };

// The part of the inner dimension, in floats or pairs, whose panel of weights stays in the first cache.
enum { ck_inner_block = 256 };
// The rows of a product that are packed at a time: as many as leave half of the second cache to everything else.
ptrdiff_t ck_row_block(void);
