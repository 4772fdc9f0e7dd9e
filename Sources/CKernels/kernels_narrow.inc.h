// Products of 16-bit elements: integers, whose products are summed in 32-bit integers, or bfloat16, in floats.
//
// Two elements make a pair of 32 bits, which is what the instructions multiply and add at once. The inner dimension is cut into
// groups of 2 * LANES; a group's pair i holds its elements i and LANES + i, so that packing needs no shuffle within a vector. The
// last group is filled up with zeros. In everything else a pair takes the place that a float has in the single-precision products:
// packed rows are [pairs, TILE_ROWS], a panel of weights is [pairs, panel_width].

// LANES pairs as 32-bit integers, and their elements.
typedef int32_t pairs __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t unsigned_pairs __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t one_pair __attribute__((may_alias));
typedef int16_t elements __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

enum { narrow_group = 2 * LANES };

INLINE ptrdiff_t pair_count(ptrdiff_t inner) { return (inner + narrow_group - 1) / narrow_group * LANES; }

// sum + a0 * b0 + a1 * b1 of every pair, of integers.
INLINE pairs add_products(pairs sum, pairs a, pairs b) {
#ifdef ADD_PRODUCTS
    return ADD_PRODUCTS(sum, a, b);
#else
    pairs a0 = (pairs)((unsigned_pairs)a << 16) >> 16, b0 = (pairs)((unsigned_pairs)b << 16) >> 16;
    return sum + a0 * b0 + (a >> 16) * (b >> 16);
#endif
}

// The same of bfloat16: the upper halves of floats.
INLINE lanes add_bf16_products(lanes sum, pairs a, pairs b) {
#ifdef ADD_BF16_PRODUCTS
    return ADD_BF16_PRODUCTS(sum, a, b);
#else
    lanes a0 = (lanes)((unsigned_pairs)a << 16), b0 = (lanes)((unsigned_pairs)b << 16);
    lanes a1 = (lanes)((unsigned_pairs)a & 0xffff0000), b1 = (lanes)((unsigned_pairs)b & 0xffff0000);
    sum += a0 * b0;
    sum += a1 * b1;
    return sum;
#endif
}

// Added to a number of less than 2^22, it leaves the nearest integer in the lower bits of the sum, ties to even; as an integer the sum
// is ordered like the numbers, for all that is larger, too.
static const float rounding_float = 0x1.8p23f;
enum { rounding_bits = 0x4b400000 };

INLINE pairs quantized(lanes values, const ck_narrowing *narrowing) {
    pairs bits = (pairs)(values * narrowing->factor + rounding_float);
    bits = __builtin_elementwise_max(bits, (pairs){} + (rounding_bits + narrowing->low));
    return __builtin_elementwise_min(bits, (pairs){} + (rounding_bits + narrowing->high));
}

// The upper half is the nearest bfloat16, ties to even.
INLINE unsigned_pairs rounded_to_bf16(lanes values) {
    unsigned_pairs bits = (unsigned_pairs)values;
    return bits + 0x7fff + (bits >> 16 & 1);
}

INLINE pairs narrowed(lanes low, lanes high, const ck_narrowing *narrowing, int is_bf16) {
    if (is_bf16)
        return (pairs)(rounded_to_bf16(low) >> 16 | (rounded_to_bf16(high) & 0xffff0000));
    return (quantized(low, narrowing) & 0xffff) | (pairs)((unsigned_pairs)quantized(high, narrowing) << 16);
}

// Both halves of a group of which `count` floats are there.
INLINE void load_group(const float *in, ptrdiff_t count, lanes *low, lanes *high) {
    if (count >= narrow_group) {
        *low = *(const lanes *)in;
        *high = *(const lanes *)(in + LANES);
        return;
    }
    float filled[narrow_group] = {0};
    memcpy(filled, in, (size_t)count * sizeof(float));
    *low = *(const lanes *)filled;
    *high = *(const lanes *)(filled + LANES);
}

// Narrows a group of TILE_ROWS rows, of which `rows` are there, into [LANES, TILE_ROWS] pairs.
INLINE void pack_group(
    const float *a, ptrdiff_t a_stride, ptrdiff_t rows, ptrdiff_t count, const ck_narrowing *narrowing, int is_bf16,
    float *out) {
    float group[TILE_ROWS * LANES];
    for (ptrdiff_t r = 0; r < TILE_ROWS; r++) {
        lanes low = {}, high = {};
        if (r < rows) load_group(a + r * a_stride, count, &low, &high);
        *(pairs *)(group + r * LANES) = narrowed(low, high, narrowing, is_bf16);
    }
    pack_rows(group, LANES, TILE_ROWS, LANES, out);
}

// One tile: TILE_ROWS x panel_width sums over `count` pairs; integers are multiplied by the scales [panel_width].
INLINE void multiply_narrow_tile(
    const float *a, const float *b, ptrdiff_t count, const float *scales, int is_bf16, const tile_target *target) {
    pairs sums[TILE_ROWS][tile_vectors] = {};
    for (ptrdiff_t k = 0; k < count; k++, a += TILE_ROWS, b += panel_width) {
        pairs columns[tile_vectors];
#pragma clang loop unroll(full)
        for (int j = 0; j < tile_vectors; j++) columns[j] = *(const pairs *)(b + j * LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < TILE_ROWS; i++) {
            pairs row = (pairs){} + *(const one_pair *)(a + i);
#pragma clang loop unroll(full)
            for (int j = 0; j < tile_vectors; j++)
                sums[i][j] = is_bf16 ? (pairs)add_bf16_products((lanes)sums[i][j], row, columns[j])
                                     : add_products(sums[i][j], row, columns[j]);
        }
    }
    lanes results[TILE_ROWS][tile_vectors];
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < tile_vectors; j++)
            results[i][j] = is_bf16 ? (lanes)sums[i][j]
                                    : __builtin_convertvector(sums[i][j], lanes) * *(const lanes *)(scales + j * LANES);
    }
    store_tile(results, target);
}

// One block of packed rows times the pairs start..<start + length of all panels.
INLINE void multiply_narrow_block(
    const float *block, ptrdiff_t tile_stride, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count, ptrdiff_t start,
    ptrdiff_t length, const float *packed, const float *scales, int is_bf16, float *c, ptrdiff_t c_stride,
    ptrdiff_t top, const ck_epilogue *epilogue) {
    for (ptrdiff_t x = 0; x < columns; x += panel_width) {
        const float *panel = packed + x * count + start * panel_width;
        for (ptrdiff_t r = 0; r < rows; r += TILE_ROWS) {
            ptrdiff_t place = (top + r) * c_stride + x;
            tile_target target = {
                .c = c + place,
                .stride = c_stride,
                .rows = rows - r < TILE_ROWS ? rows - r : TILE_ROWS,
                .columns = columns - x < panel_width ? columns - x : panel_width,
                .accumulates = start > 0,
                .epilogue = start + length == count ? epilogue : NULL,
                .column = x,
                .place = place,
            };
            multiply_narrow_tile(
                block + r / TILE_ROWS * tile_stride, panel, length, is_bf16 ? NULL : scales + x, is_bf16, &target);
        }
    }
}

// The pairs in equal parts of whole groups, of at most ck_pair_block where a group is not larger.
INLINE ptrdiff_t pair_part(ptrdiff_t count) {
    ptrdiff_t groups = count / LANES, parts = (count + ck_pair_block - 1) / ck_pair_block;
    return parts > 0 ? (groups + parts - 1) / parts * LANES : 0;
}

INLINE void multiply_narrow_rows(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride,
    const ck_narrow_weights *weights, int is_bf16, float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue,
    float *scratch) {
    ptrdiff_t count = pair_count(inner), depth = pair_part(count);
    for (ptrdiff_t top = 0; top < rows; top += ck_row_block) {
        ptrdiff_t height = rows - top < ck_row_block ? rows - top : ck_row_block;
        for (ptrdiff_t start = 0; start < count; start += depth) {
            ptrdiff_t length = count - start < depth ? count - start : depth;
            for (ptrdiff_t r = 0; r < height; r += TILE_ROWS) {
                ptrdiff_t used = height - r < TILE_ROWS ? height - r : TILE_ROWS;
                for (ptrdiff_t k = start; k < start + length; k += LANES)
                    pack_group(
                        a + (top + r) * a_stride + 2 * k, a_stride, used, inner - 2 * k, &weights->narrowing, is_bf16,
                        scratch + r * length + (k - start) * TILE_ROWS);
            }
            multiply_narrow_block(
                scratch, TILE_ROWS * length, height, columns, count, start, length, weights->packed, weights->scales,
                is_bf16, c, c_stride, top, epilogue);
        }
    }
}

static void multiply_narrow(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride,
    const ck_narrow_weights *weights, float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    if (weights->narrowing.is_bf16)
        multiply_narrow_rows(rows, columns, inner, a, a_stride, weights, 1, c, c_stride, epilogue, scratch);
    else
        multiply_narrow_rows(rows, columns, inner, a, a_stride, weights, 0, c, c_stride, epilogue, scratch);
}

INLINE void multiply_narrow_tiles(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const ck_narrow_weights *weights, int is_bf16,
    float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    ptrdiff_t count = pair_count(inner), depth = pair_part(count);
    for (ptrdiff_t start = 0; start < count; start += depth) {
        ptrdiff_t length = count - start < depth ? count - start : depth;
        multiply_narrow_block(
            a + start * TILE_ROWS, TILE_ROWS * count, rows, columns, count, start, length, weights->packed,
            weights->scales, is_bf16, c, c_stride, 0, epilogue);
    }
}

static void multiply_narrow_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const ck_narrow_weights *weights, float *c,
    ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    if (weights->narrowing.is_bf16)
        multiply_narrow_tiles(rows, columns, inner, a, weights, 1, c, c_stride, epilogue);
    else
        multiply_narrow_tiles(rows, columns, inner, a, weights, 0, c, c_stride, epilogue);
}

// Winograd's input transform, narrowed. Integers are narrowed first, and the transform of 8-bit numbers is exact in 16 bits: no sum
// is above 100 times the largest. Floats are transformed first, and the transform is rounded to bfloat16.

enum { winograd_points = winograd_window * winograd_window };

#define TRANSFORM_WINDOW(type, load, store)                                                                          \
    do {                                                                                                             \
        type t[winograd_window][winograd_window];                                                                    \
        for (int x = 0; x < winograd_window; x++) {                                                                  \
            type d[winograd_window];                                                                                 \
            for (int y = 0; y < winograd_window; y++) d[y] = load;                                                   \
            INPUT_TRANSFORM(d[0], d[1], d[2], d[3], d[4], d[5], t[0][x], t[1][x], t[2][x], t[3][x], t[4][x], t[5][x]); \
        }                                                                                                            \
        for (int y = 0; y < winograd_window; y++) {                                                                  \
            type v[winograd_window];                                                                                 \
            INPUT_TRANSFORM(t[y][0], t[y][1], t[y][2], t[y][3], t[y][4], t[y][5], v[0], v[1], v[2], v[3], v[4], v[5]); \
            for (int x = 0; x < winograd_window; x++) store = v[x];                                                  \
        }                                                                                                            \
    } while (0)

// Transforms a group of a window's channels, of which `count` are there, into `out` [36, LANES] pairs.
INLINE void transform_narrow(
    const tile_window *window, ptrdiff_t channel, ptrdiff_t count, const ck_narrowing *narrowing, int is_bf16,
    float *out) {
    lanes values[winograd_window][winograd_window][2];
    for (int y = 0; y < winograd_window; y++) {
        for (int x = 0; x < winograd_window; x++) {
            lanes *both = values[y][x];
            both[0] = both[1] = (lanes){};
            if (window->rows[y] && window->columns[x] >= 0)
                load_group(window->rows[y] + window->columns[x] + channel, count, &both[0], &both[1]);
        }
    }
    if (is_bf16) {
        lanes transformed[winograd_points][2];
        for (int half = 0; half < 2; half++)
            TRANSFORM_WINDOW(lanes, values[y][x][half], transformed[y * winograd_window + x][half]);
        for (int point = 0; point < winograd_points; point++)
            *(pairs *)(out + point * LANES) = narrowed(transformed[point][0], transformed[point][1], narrowing, 1);
    } else {
        TRANSFORM_WINDOW(
            elements, (elements)narrowed(values[y][x][0], values[y][x][1], narrowing, 0),
            *(elements *)(out + (y * winograd_window + x) * LANES));
    }
}

INLINE void winograd_input_as(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    const ck_narrowing *narrowing, int is_bf16, float *out) {
    ptrdiff_t inner = pair_count(channels);
    ptrdiff_t plane = (count + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS * inner;
    float transformed[winograd_points * TILE_ROWS * LANES];
    for (ptrdiff_t i = 0; i < count; i += TILE_ROWS) {
        ptrdiff_t used = count - i < TILE_ROWS ? count - i : TILE_ROWS;
        tile_window windows[TILE_ROWS];
        for (ptrdiff_t r = 0; r < used; r++)
            windows[r] = place_window(input, height, width, channels, first + i + r);
        for (ptrdiff_t k = 0; k < inner; k += LANES) {
            for (ptrdiff_t r = 0; r < used; r++)
                transform_narrow(
                    &windows[r], 2 * k, channels - 2 * k, narrowing, is_bf16,
                    transformed + r * winograd_points * LANES);
            for (int point = 0; point < winograd_points; point++)
                pack_rows(
                    transformed + point * LANES, winograd_points * LANES, used, LANES,
                    out + point * plane + i * inner + k * TILE_ROWS);
        }
    }
}

static void winograd_input_narrow(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    const ck_narrowing *narrowing, float *out) {
    if (narrowing->is_bf16)
        winograd_input_as(input, height, width, channels, first, count, narrowing, 1, out);
    else
        winograd_input_as(input, height, width, channels, first, count, narrowing, 0, out);
}
