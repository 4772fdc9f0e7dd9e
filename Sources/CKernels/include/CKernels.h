// The inner loops of the operators. Feature maps are [height, width, channels] floats without gaps.
//
// Every function exists once for each instruction set; which one runs is decided when the first is called, by what the
// processor has, or by the environment variable SEGMENTD_SIMD (avx512bf16, avx512vnni, avx512, avxvnni, avx2, portable)
// where the processor has that. Tensors adds openblas, for products in single precision alone. avxvnni differs from
// avx2, and avx512vnni from avx512, in the products of 16-bit integers alone, and avx512bf16 in those of bfloat16, too.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The instruction set in use: "avx512bf16", "avx512vnni", "avx512", "avxvnni", "avx2" or "portable".
const char *_Nonnull ck_simd_name(void);
// The instruction sets that this processor can run, the best first; null beyond the last.
const char *_Nullable ck_simd_at(int index);

// What is done to a result on its way to memory: `out = max(0, out + bias + residual)`, each part optional.
typedef struct {
    const float *_Nullable bias;      // [columns]
    const float *_Nullable residual;  // as large as the output, with the output's strides
    int relu;
} ck_epilogue;

// Applies an epilogue in place to `rows` rows of `columns` floats, `stride` floats apart.
void ck_apply_epilogue(
    float *_Nonnull out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const ck_epilogue *_Nonnull epilogue);

// Matrix products with weights that were packed once: panels of `ck_panel_width()` columns, each [inner, panel width].

ptrdiff_t ck_panel_width(void);
// Rows of a product are computed in tiles of so many.
ptrdiff_t ck_tile_rows(void);
// Floats that packed weights [inner, columns] take.
ptrdiff_t ck_packed_count(ptrdiff_t inner, ptrdiff_t columns);
void ck_pack(
    const float *_Nonnull weights, ptrdiff_t inner, ptrdiff_t columns, ptrdiff_t stride, float *_Nonnull packed);
// Floats of scratch memory that `ck_multiply` needs.
ptrdiff_t ck_scratch_count(void);
// `c = epilogue(a * weights)`: a [rows, inner], c [rows, columns], strides in floats. The packed weights may begin at
// any panel.
void ck_multiply(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *_Nonnull a, ptrdiff_t a_stride,
    const float *_Nonnull packed, float *_Nonnull c, ptrdiff_t c_stride, const ck_epilogue *_Nonnull epilogue,
    float *_Nonnull scratch);

// The same with rows that are packed already: tiles of `ck_tile_rows()` rows, each [inner, tile rows], the last one
// whole too.
void ck_multiply_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *_Nonnull a, const float *_Nonnull packed,
    float *_Nonnull c, ptrdiff_t c_stride, const ck_epilogue *_Nonnull epilogue);

// Products of 16-bit elements, which are two a 32-bit lane of a vector: the left side is narrowed as it is packed. They
// come in pairs, and a pair takes the room of a float.

// How floats become 16 bits.
typedef struct {
    // Whether they become the nearest bfloat16; otherwise integers.
    int is_bf16;
    // Integers are the nearest to `value * factor`, ties to even, and not outside of low...high.
    float factor;
    int32_t low, high;
} ck_narrowing;

// Weights as `ck_pack_narrow` lays them out.
typedef struct {
    ck_narrowing narrowing;
    const float *_Nonnull packed;
    // What sums of integers are multiplied by: a number a column, up to whole panels.
    const float *_Nullable scales;
} ck_narrow_weights;

// Whether the processor multiplies bfloat16; where it does not, products are computed with floats, and slowly.
int ck_has_bf16(void);
// Whether the instruction set in use multiplies 16-bit integers faster than floats.
int ck_has_int16(void);
// Pairs that an inner dimension takes.
ptrdiff_t ck_pair_count(ptrdiff_t inner);
// Packs [inner, columns] 16-bit elements into `ck_packed_count(ck_pair_count(inner), columns)` pairs.
void ck_pack_narrow(const uint16_t *_Nonnull weights, ptrdiff_t inner, ptrdiff_t columns, float *_Nonnull packed);
// As `ck_multiply`, with as much scratch memory. No sum of integers may be beyond 32 bits.
void ck_multiply_narrow(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *_Nonnull a, ptrdiff_t a_stride,
    const ck_narrow_weights *_Nonnull weights, float *_Nonnull c, ptrdiff_t c_stride,
    const ck_epilogue *_Nonnull epilogue, float *_Nonnull scratch);
// The same with rows that are packed already: tiles of `ck_tile_rows()` rows, each [pairs, tile rows], the last one
// whole too.
void ck_multiply_narrow_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *_Nonnull a,
    const ck_narrow_weights *_Nonnull weights, float *_Nonnull c, ptrdiff_t c_stride,
    const ck_epilogue *_Nonnull epilogue);

// A convolution's input and how its window moves over it.
typedef struct {
    const float *_Nonnull input;
    ptrdiff_t height, width, channels;
    ptrdiff_t kernel, stride, padding;
    ptrdiff_t output_width;
} ck_window;

// Writes the windows of the output pixels first..<first + count (row by row) as rows of
// kernel * kernel * group_channels floats; the group begins at channel `offset`.
void ck_unfold(
    const ck_window *_Nonnull window, ptrdiff_t first, ptrdiff_t count, ptrdiff_t offset, ptrdiff_t group_channels,
    float *_Nonnull rows);

// The product of the same windows, which are packed from where they lie, with weights [kernel * kernel *
// group_channels, columns].
void ck_multiply_windows(
    const ck_window *_Nonnull window, ptrdiff_t first, ptrdiff_t count, ptrdiff_t offset, ptrdiff_t group_channels,
    ptrdiff_t columns, const float *_Nonnull packed, float *_Nonnull c, ptrdiff_t c_stride,
    const ck_epilogue *_Nonnull epilogue, float *_Nonnull scratch);

// Winograd F(4x4,3x3) (Lavin and Gray, arXiv 1509.09308). A picture, or a mosaic of several that follow each other in
// memory, is cut into tiles of 4x4 output pixels, row by row.

// How many tiles that makes.
ptrdiff_t ck_winograd_tiles(ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width);

// Floats from one plane of at least `count` floats to the next. The same place in all 36 is read or written at once;
// were they a multiple of the cache's stride apart, they would push each other out of it.
static inline ptrdiff_t ck_winograd_plane(ptrdiff_t count) { return (count + 15) / 16 * 16 + 16; }

// Transforms the input of the tiles first..<first + count into 36 planes [count, channels]; padding 1. Planes lie
// `plane` floats apart: `ck_winograd_plane` tells how far it is best.
void ck_winograd_input(
    const float *_Nonnull input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    ptrdiff_t first, ptrdiff_t count, float *_Nonnull out, ptrdiff_t plane);
// Likewise, each plane's rows packed as `ck_multiply_packed` takes them; the last tile of rows is filled up with zeros.
void ck_winograd_input_packed(
    const float *_Nonnull input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    ptrdiff_t first, ptrdiff_t count, float *_Nonnull out, ptrdiff_t plane);
// Likewise, as `ck_multiply_narrow_packed` takes them. Integers are narrowed before the transform, which is exact where
// low and high are within +-327; bfloat16 after it.
void ck_winograd_input_narrow(
    const float *_Nonnull input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    ptrdiff_t first, ptrdiff_t count, const ck_narrowing *_Nonnull narrowing, float *_Nonnull out, ptrdiff_t plane);
// Transforms 36 planes [count, channels] of products back into the output's pixels and applies the epilogue.
void ck_winograd_output(
    const float *_Nonnull products, ptrdiff_t plane, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width,
    ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count, const ck_epilogue *_Nonnull epilogue, float *_Nonnull output);

// 3x3 maximum with stride 2 and padding 1, output rows first..<first + count.
void ck_max_pool(
    const float *_Nonnull input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width,
    ptrdiff_t first, ptrdiff_t count, float *_Nonnull output);

// 2x2 maximum with stride 2, output rows first..<first + count, each of which has two whole rows of the input.
void ck_max_pool_2x2(
    const float *_Nonnull input, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width, ptrdiff_t first,
    ptrdiff_t count, float *_Nonnull output);

// Adds to rows first..<first + count of `output` the nearest values of a smaller map [height, width, channels].
void ck_add_upsampled(
    const float *_Nonnull small, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_height,
    ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count, float *_Nonnull output);

// RoIAlign (He et al. 2017, section 3) of one box in the map's own coordinates into [size, size, channels]:
// `samples` x `samples` bilinear samples a bin, not aligned, sides at least 1; at most `ck_most_bins` bins a side and
// `ck_most_samples` samples a side of each.
enum { ck_most_bins = 32, ck_most_samples = 4 };
void ck_roi_align(
    const float *_Nonnull map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1,
    float y1, ptrdiff_t size, ptrdiff_t samples, float *_Nonnull out);

// A place of one axis that a bin is made of, and its share.
typedef struct {
    int32_t place;
    float weight;
} ck_roi_place;
// Samples that a bin of `size` between two edges has, one a pixel or more; at most 16384.
ptrdiff_t ck_roi_samples(float low, float high, ptrdiff_t size);
// RoIAlign with that many samples on each side of a bin, for sides of any length; a region without a side is 0. `scratch`
// has 2 * size * most elements, and `most` is twice the greater number of samples.
void ck_roi_align_adaptive(
    const float *_Nonnull map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1,
    float y1, ptrdiff_t size, ck_roi_place *_Nonnull scratch, ptrdiff_t most, float *_Nonnull out);

// Two neighbouring places of a row or column, and the second's weight.
typedef struct {
    int32_t low, high;
    float high_weight;
} ck_resize_place;

// Where the `output_length` pixels of one axis lie among the input's `length`, as PyTorch's upsample_bilinear2d has it
// (align_corners false, no antialiasing).
void ck_resize_places(ptrdiff_t length, ptrdiff_t output_length, ck_resize_place *_Nonnull places);

// Floats of scratch memory that `ck_resize_normalized` needs.
ptrdiff_t ck_resize_scratch_count(ptrdiff_t width, ptrdiff_t output_width);

// Bilinear resize of normalised 8-bit RGB rows of `width` pixels into floats, three channels a pixel; output rows
// first..<first + count, `output_stride` floats apart. `table` maps [channel][byte] to its normalised value.
void ck_resize_normalized(
    const uint8_t *_Nonnull pixels, ptrdiff_t width, const float *_Nonnull table,
    const ck_resize_place *_Nonnull columns, const ck_resize_place *_Nonnull rows, ptrdiff_t output_width,
    ptrdiff_t first, ptrdiff_t count, ptrdiff_t output_stride, float *_Nonnull output, float *_Nonnull scratch);

// Mixes two columns of `count` values, and says of each mixed value whether it is above `most`, below `least` or
// neither (0).
enum { ck_side_below = 1, ck_side_above = 2 };
void ck_mask_column(
    const float *_Nonnull low, const float *_Nonnull high, float low_weight, float high_weight, ptrdiff_t count,
    float least, float most, float *_Nonnull values, uint8_t *_Nonnull sides);

// The sigmoid of every value, in place.
void ck_sigmoid(float *_Nonnull values, ptrdiff_t count);

// The softmax of every row of logits [rows, columns].
void ck_softmax(const float *_Nonnull logits, ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull out);

// How boxes are written as differences from others, and what they are cut at.
typedef struct {
    // What centre and size differences are divided by.
    float center_weight, size_weight;
    // The greatest logarithm of a growth.
    float greatest_growth;
    // The picture's size, pixels.
    float height, width;
} ck_box_coder;

// Applies differences dx, dy, dw, dh [count, 4] to reference boxes [count, 4] and cuts the boxes at the picture's
// borders.
void ck_decode_boxes(
    const float *_Nonnull deltas, const float *_Nonnull references, ptrdiff_t count,
    const ck_box_coder *_Nonnull coder, float *_Nonnull boxes);

// Boxes side by side, with their areas.
typedef struct {
    const float *_Nonnull x0, *_Nonnull y0, *_Nonnull x1, *_Nonnull y1, *_Nonnull area;
} ck_box_columns;

// Whether the intersection over union of a box [4] with any of `count` others is above the limit.
int ck_overlaps_any(
    const ck_box_columns *_Nonnull boxes, ptrdiff_t count, const float *_Nonnull box, float area, float limit);

// The inner products of `count` rows of `length` floats with one row of weights, plus a bias.
void ck_inner_products(
    const float *_Nonnull rows, ptrdiff_t count, ptrdiff_t length, const float *_Nonnull weights, float bias,
    float *_Nonnull out);

// Multiplies and adds in registers alone, as the inner loop of a product does: one tile of sums a round.
void ck_multiply_registers(ptrdiff_t rounds);
// The same with pairs of 16-bit elements, which are twice as many, from the first cache.
void ck_multiply_narrow_cached(ptrdiff_t rounds, int is_bf16);

// Gradients: the transposes of the operators above, and what else training needs.

// A step of gradient descent with momentum, as PyTorch's SGD takes it.
typedef struct {
    float rate, momentum;
    // Weight decay.
    float decay;
    // What gradients are multiplied by.
    float factor;
} ck_momentum;

// Transforms 3x3 filters into 36 points: nine planes of `count` numbers, `filter_plane` floats apart, into 36 that lie `plane` floats
// apart. A bank is [3, 3, inputs * outputs].
void ck_winograd_filter(
    const float *_Nonnull filters, ptrdiff_t filter_plane, ptrdiff_t count, float *_Nonnull out, ptrdiff_t plane);

// Floats of scratch memory that `ck_add_transposed_product` needs.
ptrdiff_t ck_transposed_scratch_count(ptrdiff_t rows, ptrdiff_t columns);
// `c += transpose(a) * b`: a [inner, rows], b [inner, columns], c [rows, columns], strides in floats. Best where `rows` is a few hundred:
// both sides are packed part by part.
void ck_add_transposed_product(
    const float *_Nonnull a, ptrdiff_t a_stride, const float *_Nonnull b, ptrdiff_t b_stride, ptrdiff_t inner,
    ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull c, ptrdiff_t c_stride, float *_Nonnull scratch);

// The transpose of the output transform: the gradients of the output pixels of tiles first..<first + count into 36 planes
// [count, channels].
void ck_winograd_gradient(
    const float *_Nonnull gradient, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    ptrdiff_t first, ptrdiff_t count, float *_Nonnull out, ptrdiff_t plane);

// The transpose of the filter transform, added to nine planes of filters.
void ck_winograd_filter_gradient(
    const float *_Nonnull points, ptrdiff_t plane, ptrdiff_t count, float *_Nonnull filters, ptrdiff_t filter_plane);

// The gradient before a ReLU, where `output` is given, and a scale of each column, where one is: `masked` gets what has passed the
// ReLU, `scaled` the same times the scale. Either may be null or the gradient itself; all are [rows, columns].
void ck_activation_gradient(
    const float *_Nonnull gradient, const float *_Nullable output, const float *_Nullable scale, ptrdiff_t rows,
    ptrdiff_t columns, float *_Nullable masked, float *_Nullable scaled);

// Adds the sums of the columns of [rows, columns].
void ck_add_column_sums(const float *_Nonnull values, ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull sums);

// Adds the sums of the columns of a * (b - mean), [rows, columns] each, with a mean a column; of (b - mean)^2 where a is null.
void ck_add_centered_products(
    const float *_Nullable a, const float *_Nonnull b, const float *_Nonnull means, ptrdiff_t rows, ptrdiff_t columns,
    float *_Nonnull sums);

// Maps [rows, columns] with factors [columns].
typedef struct {
    const float *_Nonnull a, *_Nonnull a_factors;
    const float *_Nullable b, *_Nullable b_factors;
    const float *_Nonnull shifts;
    const float *_Nullable residual;
    int relu;
} ck_combination;

// `out = activation(a * a_factors + b * b_factors + shifts + residual)`.
void ck_combine_columns(
    const ck_combination *_Nonnull terms, ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull out);

// `sums += factor * values`.
void ck_add_values(const float *_Nonnull values, ptrdiff_t count, float factor, float *_Nonnull sums);

// [rows, columns] into [columns, rows], whose rows lie `stride` floats apart.
void ck_transpose(
    const float *_Nonnull in, ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull out, ptrdiff_t stride);

// Adds gradients to where the maximum of each window with stride 2 came from, for the channels first..<first + count.
void ck_max_pool_gradient(
    const float *_Nonnull input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, const float *_Nonnull
    gradient, ptrdiff_t output_height, ptrdiff_t output_width, ptrdiff_t kernel, ptrdiff_t padding, ptrdiff_t first,
    ptrdiff_t count, float *_Nonnull out);

// The transpose of `ck_add_upsampled` for the rows first..<first + count of the smaller map, added.
void ck_add_upsampled_gradient(
    const float *_Nonnull gradient, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t small_height,
    ptrdiff_t small_width, ptrdiff_t first, ptrdiff_t count, float *_Nonnull out);

// The transpose of `ck_roi_align` for the channels first..<first + count, added to the map.
void ck_roi_align_gradient(
    const float *_Nonnull gradient, ptrdiff_t size, ptrdiff_t samples, ptrdiff_t height, ptrdiff_t width, ptrdiff_t
    channels, float x0, float y0, float x1, float y1, ptrdiff_t first, ptrdiff_t count, float *_Nonnull map);

// `velocity = momentum * velocity + factor * gradient + decay * values; values -= rate * velocity; gradient = 0`.
void ck_momentum_step(
    float *_Nonnull values, float *_Nonnull gradient, float *_Nonnull velocity, ptrdiff_t count, const
    ck_momentum *_Nonnull step);

// The sum of squares, in double precision.
double ck_sum_of_squares(const float *_Nonnull values, ptrdiff_t count);

// Tells the processor that this thread waits in a loop.
static inline void ck_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
