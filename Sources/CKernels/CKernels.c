#include "CKernels.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels.h"

// The best first.
static const ck_kernels *const all[] = {
#if defined(__x86_64__)
    &ck_kernels_avx512bf16,
    &ck_kernels_avx512vnni,
    &ck_kernels_avx512,
    &ck_kernels_avxvnni,
    &ck_kernels_avx2,
#endif
    &ck_kernels_portable,
};
enum { all_count = sizeof all / sizeof *all };

static int runs_here(const ck_kernels *kernels) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (kernels == &ck_kernels_avx512bf16)
        return runs_here(&ck_kernels_avx512vnni) && __builtin_cpu_supports("avx512bf16");
    if (kernels == &ck_kernels_avx512vnni)
        return runs_here(&ck_kernels_avx512) && __builtin_cpu_supports("avx512vnni");
    if (kernels == &ck_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("fma");
    if (kernels == &ck_kernels_avxvnni) return runs_here(&ck_kernels_avx2) && __builtin_cpu_supports("avxvnni");
    if (kernels == &ck_kernels_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return kernels == &ck_kernels_portable;
}

static const ck_kernels *choose(void) {
    const char *wanted = getenv("SEGMENTD_SIMD");
    for (int i = 0; wanted && i < all_count; i++)
        if (strcmp(all[i]->name, wanted) == 0 && runs_here(all[i])) return all[i];
    for (int i = 0; i < all_count; i++)
        if (runs_here(all[i])) return all[i];
    return &ck_kernels_portable;
}

static const ck_kernels *kernels(void) {
    // Every thread that comes first chooses the same.
    static _Atomic(const ck_kernels *) chosen;
    const ck_kernels *known = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (known) return known;
    known = choose();
    atomic_store_explicit(&chosen, known, memory_order_relaxed);
    return known;
}

const char *ck_simd_name(void) { return kernels()->name; }

const char *ck_simd_at(int index) {
    for (int i = 0; i < all_count; i++)
        if (runs_here(all[i]) && index-- == 0) return all[i]->name;
    return NULL;
}

void ck_apply_epilogue(
    float *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const ck_epilogue *epilogue) {
    kernels()->apply_epilogue(out, rows, columns, stride, epilogue);
}

ptrdiff_t ck_panel_width(void) { return kernels()->panel_width; }

ptrdiff_t ck_tile_rows(void) { return kernels()->tile_rows; }

ptrdiff_t ck_packed_count(ptrdiff_t inner, ptrdiff_t columns) {
    ptrdiff_t width = ck_panel_width();
    return (columns + width - 1) / width * width * inner;
}

void ck_pack(const float *weights, ptrdiff_t inner, ptrdiff_t columns, ptrdiff_t stride, float *packed) {
    ptrdiff_t width = ck_panel_width();
    for (ptrdiff_t x = 0; x < columns; x += width) {
        ptrdiff_t used = columns - x < width ? columns - x : width;
        for (ptrdiff_t k = 0; k < inner; k++, packed += width) {
            memcpy(packed, weights + k * stride + x, (size_t)used * sizeof(float));
            memset(packed + used, 0, (size_t)(width - used) * sizeof(float));
        }
    }
}

ptrdiff_t ck_row_block(void) {
    static _Atomic ptrdiff_t known;
    ptrdiff_t rows = atomic_load_explicit(&known, memory_order_relaxed);
    if (rows > 0) return rows;
    long bytes = 0;
#if defined(_SC_LEVEL2_CACHE_SIZE)
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    // Where the system does not tell, what most processors have at least.
    if (bytes < (256 << 10)) bytes = 512 << 10;
    rows = (ptrdiff_t)bytes * 9 / 16 / (ck_inner_block * (ptrdiff_t)sizeof(float));
    // Whole tiles of every instruction set.
    if (rows > 576) rows = 576;
    rows = rows / 24 * 24;
    atomic_store_explicit(&known, rows, memory_order_relaxed);
    return rows;
}

// Rows are packed in whole tiles, so the last may go beyond the block.
ptrdiff_t ck_scratch_count(void) { return (ck_row_block() + kernels()->tile_rows) * ck_inner_block; }

void ck_multiply(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride, const float *packed,
    float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    kernels()->multiply(rows, columns, inner, a, a_stride, packed, c, c_stride, epilogue, scratch);
}

int ck_has_bf16(void) { return kernels()->has_bf16; }

int ck_has_int16(void) { return kernels()->has_int16; }

ptrdiff_t ck_pair_count(ptrdiff_t inner) {
    ptrdiff_t lanes = ck_panel_width() / 2;
    return (inner + 2 * lanes - 1) / (2 * lanes) * lanes;
}

void ck_pack_narrow(const uint16_t *weights, ptrdiff_t inner, ptrdiff_t columns, float *packed) {
    ptrdiff_t width = ck_panel_width(), lanes = width / 2, count = ck_pair_count(inner);
    for (ptrdiff_t x = 0; x < columns; x += width) {
        for (ptrdiff_t k = 0; k < count; k++) {
            ptrdiff_t low = k / lanes * 2 * lanes + k % lanes, high = low + lanes;
            for (ptrdiff_t i = x; i < x + width; i++, packed++) {
                uint32_t pair = 0;
                if (i < columns && low < inner) pair = weights[low * columns + i];
                if (i < columns && high < inner) pair |= (uint32_t)weights[high * columns + i] << 16;
                memcpy(packed, &pair, sizeof pair);
            }
        }
    }
}

void ck_multiply_narrow(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride,
    const ck_narrow_weights *weights, float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    kernels()->multiply_narrow(rows, columns, inner, a, a_stride, weights, c, c_stride, epilogue, scratch);
}

void ck_multiply_narrow_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const ck_narrow_weights *weights, float *c,
    ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    kernels()->multiply_narrow_packed(rows, columns, inner, a, weights, c, c_stride, epilogue);
}

void ck_multiply_windows(
    const ck_window *window, ptrdiff_t first, ptrdiff_t count, ptrdiff_t offset, ptrdiff_t group_channels,
    ptrdiff_t columns, const float *packed, float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    kernels()->multiply_windows(
        window, first, count, offset, group_channels, columns, packed, c, c_stride, epilogue, scratch);
}

void ck_multiply_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const float *packed, float *c,
    ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    kernels()->multiply_packed(rows, columns, inner, a, packed, c, c_stride, epilogue);
}

void ck_unfold(
    const ck_window *w, ptrdiff_t first, ptrdiff_t count, ptrdiff_t offset, ptrdiff_t group_channels, float *rows) {
    ptrdiff_t kernel = w->kernel, channels = w->channels;
    size_t pixel = (size_t)group_channels * sizeof(float);
    int whole = group_channels == channels;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t top = (first + i) / w->output_width * w->stride - w->padding;
        ptrdiff_t left = (first + i) % w->output_width * w->stride - w->padding;
        for (ptrdiff_t ky = 0; ky < kernel; ky++, rows += kernel * group_channels) {
            ptrdiff_t y = top + ky;
            if (y < 0 || y >= w->height) {
                memset(rows, 0, (size_t)kernel * pixel);
                continue;
            }
            const float *line = w->input + y * w->width * channels + offset;
            if (whole && left >= 0 && left + kernel <= w->width) {
                memcpy(rows, line + left * channels, (size_t)kernel * pixel);
                continue;
            }
            for (ptrdiff_t kx = 0; kx < kernel; kx++) {
                ptrdiff_t x = left + kx;
                if (x < 0 || x >= w->width)
                    memset(rows + kx * group_channels, 0, pixel);
                else
                    memcpy(rows + kx * group_channels, line + x * channels, pixel);
            }
        }
    }
}

ptrdiff_t ck_winograd_tiles(ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width) {
    ptrdiff_t columns = pictures < ck_mosaic_columns ? pictures : ck_mosaic_columns;
    if (columns == 0) return 0;
    ptrdiff_t rows = (pictures + columns - 1) / columns;
    return (rows * (height + 1) - 1 + 3) / 4 * ((columns * (width + 1) - 1 + 3) / 4);
}

void ck_winograd_input(
    const float *input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, float *out, ptrdiff_t plane) {
    kernels()->winograd_input(input, pictures, height, width, channels, first, count, out, plane);
}

void ck_winograd_input_packed(
    const float *input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, float *out, ptrdiff_t plane) {
    kernels()->winograd_input_packed(input, pictures, height, width, channels, first, count, out, plane);
}

void ck_winograd_input_narrow(
    const float *input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, const ck_narrowing *narrowing, float *out, ptrdiff_t plane) {
    kernels()->winograd_input_narrow(input, pictures, height, width, channels, first, count, narrowing, out, plane);
}

void ck_winograd_output(
    const float *products, ptrdiff_t plane, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    ptrdiff_t first, ptrdiff_t count, const ck_epilogue *epilogue, float *output) {
    kernels()->winograd_output(products, plane, pictures, height, width, channels, first, count, epilogue, output);
}

void ck_max_pool(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width, ptrdiff_t first,
    ptrdiff_t count, float *output) {
    kernels()->max_pool(input, height, width, channels, output_width, first, count, output);
}

void ck_max_pool_2x2(
    const float *input, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count,
    float *output) {
    kernels()->max_pool_2x2(input, width, channels, output_width, first, count, output);
}

void ck_add_upsampled(
    const float *small, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_height,
    ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count, float *output) {
    kernels()->add_upsampled(
        small, height, width, channels, output_height, output_width, first, count, output);
}

void ck_inner_products(
    const float *rows, ptrdiff_t count, ptrdiff_t length, const float *weights, float bias, float *out) {
    kernels()->inner_products(rows, count, length, weights, bias, out);
}

void ck_multiply_registers(ptrdiff_t rounds) {
    volatile float kept = kernels()->multiply_registers(rounds);
    (void)kept;
}

void ck_multiply_narrow_cached(ptrdiff_t rounds, int is_bf16) {
    volatile float kept = kernels()->multiply_narrow_cached(rounds, is_bf16);
    (void)kept;
}

void ck_roi_align(
    const float *map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1, float y1,
    ptrdiff_t size, ptrdiff_t samples, float *out) {
    kernels()->roi_align(map, height, width, channels, x0, y0, x1, y1, size, samples, out);
}

ptrdiff_t ck_roi_samples(float low, float high, ptrdiff_t size) {
    float samples = ceilf((high - low) / (float)size);
    // Not a number has none either.
    if (!(samples > 0)) return 0;
    return samples < 16384 ? (ptrdiff_t)samples : 16384;
}

void ck_roi_align_adaptive(
    const float *map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1, float y1,
    ptrdiff_t size, ck_roi_place *scratch, ptrdiff_t most, float *out) {
    kernels()->roi_align_adaptive(map, height, width, channels, x0, y0, x1, y1, size, scratch, most, out);
}

void ck_sigmoid(float *values, ptrdiff_t count) { kernels()->sigmoid(values, count); }

void ck_softmax(const float *logits, ptrdiff_t rows, ptrdiff_t columns, float *out) {
    kernels()->softmax(logits, rows, columns, out);
}

void ck_decode_boxes(
    const float *deltas, const float *references, ptrdiff_t count, const ck_box_coder *coder, float *boxes) {
    kernels()->decode_boxes(deltas, references, count, coder, boxes);
}

int ck_overlaps_any(const ck_box_columns *boxes, ptrdiff_t count, const float *box, float area, float limit) {
    return kernels()->overlaps_any(boxes, count, box, area, limit);
}

void ck_resize_places(ptrdiff_t length, ptrdiff_t output_length, ck_resize_place *places) {
    float scale = (float)length / (float)output_length;
    for (ptrdiff_t i = 0; i < output_length; i++) {
        float source = scale * ((float)i + 0.5f) - 0.5f;
        if (source < 0) source = 0;
        ptrdiff_t low = (ptrdiff_t)source;
        if (low > length - 1) low = length - 1;
        float weight = source - (float)low;
        places[i].low = (int32_t)low;
        places[i].high = (int32_t)(low + (low < length - 1 ? 1 : 0));
        places[i].high_weight = weight > 1 ? 1 : weight;
    }
}

ptrdiff_t ck_resize_scratch_count(ptrdiff_t width, ptrdiff_t output_width) {
    return 2 * (3 * output_width + 1) + 3 * width + 1;
}

void ck_resize_normalized(
    const uint8_t *pixels, ptrdiff_t width, const float *table, const ck_resize_place *columns,
    const ck_resize_place *rows, ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count, ptrdiff_t output_stride,
    float *output, float *scratch) {
    kernels()->resize_normalized(
        pixels, width, table, columns, rows, output_width, first, count, output_stride, output, scratch);
}

void ck_mask_column(
    const float *low, const float *high, float low_weight, float high_weight, ptrdiff_t count, float least, float most,
    float *values, uint8_t *sides) {
    kernels()->mask_column(low, high, low_weight, high_weight, count, least, most, values, sides);
}

void ck_winograd_filter(const float *filters, ptrdiff_t filter_plane, ptrdiff_t count, float *out, ptrdiff_t plane) {
    kernels()->winograd_filter(filters, filter_plane, count, out, plane);
}

ptrdiff_t ck_transposed_scratch_count(ptrdiff_t rows, ptrdiff_t columns) {
    ptrdiff_t tile = kernels()->tile_rows, panel = kernels()->panel_width;
    return ((rows + tile - 1) / tile * tile + (columns + panel - 1) / panel * panel) * ck_inner_block;
}

void ck_add_transposed_product(
    const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, ptrdiff_t inner, ptrdiff_t rows,
    ptrdiff_t columns, float *c, ptrdiff_t c_stride, float *scratch) {
    kernels()->add_transposed_product(a, a_stride, b, b_stride, inner, rows, columns, c, c_stride, scratch);
}

void ck_winograd_gradient(
    const float *gradient, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, float *out, ptrdiff_t plane) {
    kernels()->winograd_gradient(gradient, pictures, height, width, channels, first, count, out, plane);
}

void ck_winograd_filter_gradient(
    const float *points, ptrdiff_t plane, ptrdiff_t count, float *filters, ptrdiff_t filter_plane) {
    kernels()->winograd_filter_gradient(points, plane, count, filters, filter_plane);
}

void ck_activation_gradient(
    const float *gradient, const float *output, const float *scale, ptrdiff_t rows, ptrdiff_t columns, float *masked,
    float *scaled) {
    kernels()->activation_gradient(gradient, output, scale, rows, columns, masked, scaled);
}

void ck_add_column_sums(const float *values, ptrdiff_t rows, ptrdiff_t columns, float *sums) {
    kernels()->add_column_sums(values, rows, columns, sums);
}

void ck_add_centered_products(
    const float *a, const float *b, const float *means, ptrdiff_t rows, ptrdiff_t columns, float *sums) {
    kernels()->add_centered_products(a, b, means, rows, columns, sums);
}

void ck_combine_columns(const ck_combination *terms, ptrdiff_t rows, ptrdiff_t columns, float *out) {
    kernels()->combine_columns(terms, rows, columns, out);
}

void ck_add_values(const float *values, ptrdiff_t count, float factor, float *sums) {
    kernels()->add_values(values, count, factor, sums);
}

void ck_transpose(const float *in, ptrdiff_t rows, ptrdiff_t columns, float *out, ptrdiff_t stride) {
    kernels()->transpose(in, rows, columns, out, stride);
}

void ck_max_pool_gradient(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, const float *gradient, ptrdiff_t
    output_height, ptrdiff_t output_width, ptrdiff_t kernel, ptrdiff_t padding, ptrdiff_t first, ptrdiff_t count,
    float *out) {
    kernels()->max_pool_gradient(
        input, height, width, channels, gradient, output_height, output_width, kernel, padding, first, count, out);
}

void ck_add_upsampled_gradient(
    const float *gradient, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t small_height, ptrdiff_t
    small_width, ptrdiff_t first, ptrdiff_t count, float *out) {
    kernels()->add_upsampled_gradient(
        gradient, height, width, channels, small_height, small_width, first, count, out);
}

void ck_roi_align_gradient(
    const float *gradient, ptrdiff_t size, ptrdiff_t samples, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    float x0, float y0, float x1, float y1, ptrdiff_t first, ptrdiff_t count, float *map) {
    kernels()->roi_align_gradient(
        gradient, size, samples, height, width, channels, x0, y0, x1, y1, first, count, map);
}

void ck_momentum_step(
    float *values, float *gradient, float *velocity, ptrdiff_t count, const ck_momentum *step) {
    kernels()->momentum_step(values, gradient, velocity, count, step);
}

double ck_sum_of_squares(const float *values, ptrdiff_t count) {
    return kernels()->sum_of_squares(values, count);
}
