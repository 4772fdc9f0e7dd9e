// The kernels for one instruction set; included once for each, with KERNELS, SIMD_NAME, LANES and TILE_ROWS defined,
// and, where there are instructions for them, MULTIPLY_PAIRS or ADD_PRODUCTS and ADD_BF16_PRODUCTS (see
// kernels_narrow.inc.h).
#include <math.h>
#include <string.h>

#include "kernels.h"

// In any vector register.
#if defined(__aarch64__)
#define CK_VECTOR(value) "+w"(value)
#elif LANES == 16
#define CK_VECTOR(value) "+v"(value)
#else
#define CK_VECTOR(value) "+x"(value)
#endif
// Vectors that are known here and may have changed afterwards, as far as the compiler knows.
#define ck_barrier(value) __asm__ volatile("" : CK_VECTOR(value))
#define ck_barrier_pair(a, b) __asm__ volatile("" : CK_VECTOR(a), CK_VECTOR(b))

// Loops of a known few turns whose values are to stay in registers.
#define UNROLL _Pragma("clang loop unroll(full)")

#define INLINE static inline __attribute__((always_inline))

// LANES floats that need not be aligned.
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

enum { tile_vectors = 2, panel_width = tile_vectors * LANES };

#include "kernels_matrix.inc.h"
#include "kernels_winograd.inc.h"
#include "kernels_narrow.inc.h"
#include "kernels_maps.inc.h"
#include "kernels_gradients.inc.h"
#include "kernels_boxes.inc.h"
#include "kernels_resize.inc.h"

const ck_kernels KERNELS = {
    .name = SIMD_NAME,
    .tile_rows = TILE_ROWS,
#if defined(MULTIPLY_PAIRS) || defined(ADD_PRODUCTS)
    .has_int16 = 1,
#endif
    .panel_width = panel_width,
#ifdef ADD_BF16_PRODUCTS
    .has_bf16 = 1,
#endif
    .apply_epilogue = apply_epilogue,
    .multiply = multiply,
    .multiply_windows = multiply_windows,
    .multiply_packed = multiply_packed,
    .winograd_input = winograd_input,
    .winograd_input_packed = winograd_input_packed,
    .winograd_output = winograd_output,
    .multiply_narrow = multiply_narrow,
    .multiply_narrow_packed = multiply_narrow_packed,
    .winograd_input_narrow = winograd_input_narrow,
    .max_pool = max_pool,
    .max_pool_2x2 = max_pool_2x2,
    .add_upsampled = add_upsampled,
    .roi_align = roi_align,
    .roi_align_adaptive = roi_align_adaptive,
    .inner_products = inner_products,
    .multiply_registers = multiply_registers,
    .multiply_narrow_cached = multiply_narrow_cached,
    .sigmoid = sigmoid,
    .softmax = softmax,
    .decode_boxes = decode_boxes,
    .overlaps_any = overlaps_any,
    .resize_normalized = resize_normalized,
    .mask_column = mask_column,
    .winograd_filter = winograd_filter,
    .add_transposed_product = add_transposed_product,
    .winograd_gradient = winograd_gradient,
    .winograd_filter_gradient = winograd_filter_gradient,
    .activation_gradient = activation_gradient,
    .add_column_sums = add_column_sums,
    .add_centered_products = add_centered_products,
    .combine_columns = combine_columns,
    .add_values = add_values,
    .transpose = transpose,
    .max_pool_gradient = max_pool_gradient,
    .add_upsampled_gradient = add_upsampled_gradient,
    .roi_align_gradient = roi_align_gradient,
    .momentum_step = momentum_step,
    .sum_of_squares = sum_of_squares,
};
