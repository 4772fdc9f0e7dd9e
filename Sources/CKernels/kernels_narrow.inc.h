// Products of 16-bit elements: integers, whose products are summed in 32-bit integers, or bfloat16, in floats.
//
// Two elements make a pair of 32 bits, which is what the instructions multiply and add at once. The inner dimension is
// cut into groups of 2 * LANES; a group's pair i holds its elements i and LANES + i, so that packing needs no shuffle
// within a vector. The last group is filled up with zeros. In everything else a pair takes the place that a float has
// in the single-precision products: packed rows are [pairs, TILE_ROWS], a panel of weights is [pairs, panel_width].

// LANES pairs as 32-bit integers, and their elements.
typedef int32_t pairs __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t unsigned_pairs __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t one_pair __attribute__((may_alias));
typedef int16_t elements __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

enum { narrow_group = 2 * LANES };

INLINE ptrdiff_t pair_count(ptrdiff_t inner) { return (inner + narrow_group - 1) / narrow_group * LANES; }

// sums[j] += a0 * b0 + a1 * b1 of every pair, of integers, for one row and `vectors` vectors of columns of a tile.
INLINE void add_products(pairs sums[tile_vectors], pairs a, const pairs b[tile_vectors], const int vectors) {
#if defined(ADD_PRODUCTS)
    UNROLL for (int j = 0; j < vectors; j++) sums[j] = ADD_PRODUCTS(sums[j], a, b[j]);
#elif defined(MULTIPLY_PAIRS)
    // Two multiplications before two additions: alternating, they would keep each other from the units that can
    // multiply.
    pairs products[tile_vectors];
    UNROLL for (int j = 0; j < vectors; j++) products[j] = MULTIPLY_PAIRS(a, b[j]);
    if (vectors == 2) ck_barrier_pair(products[0], products[1]);
    UNROLL for (int j = 0; j < vectors; j++) sums[j] += products[j];
#else
    pairs a0 = (pairs)((unsigned_pairs)a << 16) >> 16, a1 = a >> 16;
    UNROLL for (int j = 0; j < vectors; j++)
        sums[j] += a0 * ((pairs)((unsigned_pairs)b[j] << 16) >> 16) + a1 * (b[j] >> 16);
#endif
}

// The same of bfloat16, which are the upper halves of floats; the sums are floats.
INLINE void add_bf16_products(pairs sums[tile_vectors], pairs a, const pairs b[tile_vectors], const int vectors) {
#ifdef ADD_BF16_PRODUCTS
    UNROLL for (int j = 0; j < vectors; j++) sums[j] = (pairs)ADD_BF16_PRODUCTS((lanes)sums[j], a, b[j]);
#else
    lanes a0 = (lanes)((unsigned_pairs)a << 16), a1 = (lanes)((unsigned_pairs)a & 0xffff0000);
    UNROLL for (int j = 0; j < vectors; j++) {
        lanes sum = (lanes)sums[j];
        sum += a0 * (lanes)((unsigned_pairs)b[j] << 16);
        sum += a1 * (lanes)((unsigned_pairs)b[j] & 0xffff0000);
        sums[j] = (pairs)sum;
    }
#endif
}

// Added to a number of less than 2^22, it leaves the nearest integer in the lower bits of the sum, ties to even; as an
// integer the sum is ordered like the numbers, for all that is larger, too.
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
    float group[TILE_ROWS * LANES] __attribute__((aligned(64)));
    const float *pointers[TILE_ROWS];
    for (ptrdiff_t r = 0; r < TILE_ROWS; r++) {
        lanes low = {}, high = {};
        if (r < rows) load_group(a + r * a_stride, count, &low, &high);
        pointers[r] = group + r * LANES;
        *(pairs *)(group + r * LANES) = narrowed(low, high, narrowing, is_bf16);
    }
    pack_rows(pointers, LANES, out);
}

// One tile: TILE_ROWS sums of `vectors` vectors each, over `count` pairs; integers are multiplied by the scales of
// their columns.
INLINE void multiply_narrow_tile(
    const float *a, const float *b, ptrdiff_t count, const float *scales, const int is_bf16, const int vectors,
    const tile_target *target) {
    pairs sums[TILE_ROWS][tile_vectors] = {};
    fetch_target(target);
#if defined(MULTIPLY_PAIRS)
    // Of instructions that add as well, the compiler would make several to shorten the chain of sums.
#pragma clang loop unroll_count(2)
#endif
    for (ptrdiff_t k = 0; k < count; k++, a += TILE_ROWS, b += panel_width) {
        pairs columns[tile_vectors];
        UNROLL for (int j = 0; j < vectors; j++) columns[j] = *(const pairs *)(b + j * LANES);
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            pairs row = (pairs){} + *(const one_pair *)(a + i);
            if (is_bf16)
                add_bf16_products(sums[i], row, columns, vectors);
            else
                add_products(sums[i], row, columns, vectors);
        }
    }
    lanes results[TILE_ROWS][tile_vectors];
    UNROLL for (int i = 0; i < TILE_ROWS; i++) {
        UNROLL for (int j = 0; j < vectors; j++)
            results[i][j] = is_bf16 ? (lanes)sums[i][j]
                                    : __builtin_convertvector(sums[i][j], lanes) * *(const lanes *)(scales + j * LANES);
    }
    store_tile(results, vectors, target);
}

// Tiles whose operands stay in the first cache: the most that a product could reach.
static float multiply_narrow_cached(ptrdiff_t rounds, int is_bf16) {
    enum { depth = 4 * LANES };
    float a[depth * TILE_ROWS] = {}, b[depth * panel_width] = {}, scales[panel_width] = {};
    float c[TILE_ROWS * panel_width];
    tile_target target = {.c = c, .stride = panel_width, .rows = TILE_ROWS, .columns = panel_width};
    for (ptrdiff_t k = 0; k < rounds; k += depth) {
        if (is_bf16)
            multiply_narrow_tile(a, b, depth, scales, 1, tile_vectors, &target);
        else
            multiply_narrow_tile(a, b, depth, scales, 0, tile_vectors, &target);
    }
    return c[0];
}

// One block of packed rows times the pairs start..<start + length of all panels.
INLINE void multiply_narrow_block(
    const float *block, ptrdiff_t tile_stride, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count, ptrdiff_t start,
    ptrdiff_t length, const float *packed, const float *scales, int is_bf16, float *c, ptrdiff_t c_stride,
    ptrdiff_t top, const ck_epilogue *epilogue, ahead *ahead) {
    tile_target target = {
        .stride = c_stride,
        .accumulates = start > 0,
        .epilogue = start + length == count ? epilogue : NULL,
    };
    for (ptrdiff_t x = 0; x < columns; x += panel_width) {
        const float *panel = packed + x * count + start * panel_width, *tile = block;
        const float *factors = is_bf16 ? NULL : scales + x;
        target.columns = columns - x < panel_width ? columns - x : panel_width;
        target.column = x;
        target.place = top * c_stride + x;
        for (ptrdiff_t r = 0; r < rows; r += TILE_ROWS, tile += tile_stride, target.place += TILE_ROWS * c_stride) {
            target.rows = rows - r < TILE_ROWS ? rows - r : TILE_ROWS;
            target.c = c + target.place;
            fetch_ahead(ahead);
            if (target.columns > LANES)
                multiply_narrow_tile(tile, panel, length, factors, is_bf16, tile_vectors, &target);
            else
                multiply_narrow_tile(tile, panel, length, factors, is_bf16, 1, &target);
        }
    }
}

// The pairs in equal parts of whole groups, of at most ck_inner_block.
INLINE ptrdiff_t pair_part(ptrdiff_t count) {
    ptrdiff_t groups = count / LANES, parts = (count + ck_inner_block - 1) / ck_inner_block;
    return parts > 0 ? (groups + parts - 1) / parts * LANES : 0;
}

INLINE void multiply_narrow_rows(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride,
    const ck_narrow_weights *weights, int is_bf16, float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue,
    float *scratch) {
    ptrdiff_t count = pair_count(inner), depth = pair_part(count), most = ck_row_block();
    for (ptrdiff_t top = 0; top < rows; top += most) {
        ptrdiff_t height = rows - top < most ? rows - top : most;
        for (ptrdiff_t start = 0; start < count; start += depth) {
            ptrdiff_t length = count - start < depth ? count - start : depth;
            for (ptrdiff_t r = 0; r < height; r += TILE_ROWS) {
                ptrdiff_t used = height - r < TILE_ROWS ? height - r : TILE_ROWS;
                for (ptrdiff_t k = start; k < start + length; k += LANES)
                    pack_group(
                        a + (top + r) * a_stride + 2 * k, a_stride, used, inner - 2 * k, &weights->narrowing, is_bf16,
                        scratch + r * length + (k - start) * TILE_ROWS);
            }
            int last = start + length == count;
            ptrdiff_t below = rows - top - height < most ? rows - top - height : most;
            ptrdiff_t next_top = last ? top + height : top, next = last ? 0 : 2 * (start + length);
            ptrdiff_t tiles = (height + TILE_ROWS - 1) / TILE_ROWS * ((columns + panel_width - 1) / panel_width);
            ahead ahead = look_ahead(
                a + next_top * a_stride + next, a_stride, last ? below : height,
                2 * depth < inner - next ? 2 * depth : inner - next, tiles);
            multiply_narrow_block(
                scratch, TILE_ROWS * length, height, columns, count, start, length, weights->packed, weights->scales,
                is_bf16, c, c_stride, top, epilogue, &ahead);
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

INLINE void multiply_narrow_tiles_as(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const ck_narrow_weights *weights, int is_bf16,
    float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    ptrdiff_t count = pair_count(inner), depth = pair_part(count);
    ahead nothing = {.next = NULL};
    for (ptrdiff_t start = 0; start < count; start += depth) {
        ptrdiff_t length = count - start < depth ? count - start : depth;
        multiply_narrow_block(
            a + start * TILE_ROWS, TILE_ROWS * count, rows, columns, count, start, length, weights->packed,
            weights->scales, is_bf16, c, c_stride, 0, epilogue, &nothing);
    }
}

static void multiply_narrow_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const ck_narrow_weights *weights, float *c,
    ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    if (weights->narrowing.is_bf16)
        multiply_narrow_tiles_as(rows, columns, inner, a, weights, 1, c, c_stride, epilogue);
    else
        multiply_narrow_tiles_as(rows, columns, inner, a, weights, 0, c, c_stride, epilogue);
}

// Winograd's input transform, narrowed. Integers are narrowed first, and the transform of 8-bit numbers is exact in 16
// bits: no sum is above 100 times the largest. Floats are transformed first, and the transform is rounded to bfloat16.


DEFINE_INPUT_TILE(input_tile_elements, elements)

// Transforms a group of a window's channels, of which `count` are there; the points lie `plane` pairs apart. `is_whole`
// says that nothing of it is missing.
INLINE void transform_integers(
    const float *input, const tile_grid *grid, const tile_window *window, ptrdiff_t channel, ptrdiff_t count,
    const ck_narrowing *narrowing, const int is_whole, float *out, ptrdiff_t plane) {
    float levels[winograd_points * LANES] __attribute__((aligned(64)));
    for (int y = 0; y < winograd_window; y++) {
        UNROLL for (int x = 0; x < winograd_window; x++) {
            lanes low = {}, high = {};
            ptrdiff_t place = is_whole ? window->rows[y] + window->columns[x] : place_pixel(grid, window, y, x);
            if (is_whole || place >= 0)
                load_group(input + place + channel, is_whole ? narrow_group : count, &low, &high);
            *(pairs *)(levels + (y * winograd_window + x) * LANES) = narrowed(low, high, narrowing, 0);
        }
    }
    input_tile_elements(levels, winograd_window * LANES, LANES, out, plane);
}

INLINE void transform_bf16(
    const float *input, const tile_grid *grid, const tile_window *window, ptrdiff_t channel, ptrdiff_t count,
    const ck_narrowing *narrowing, float *out, ptrdiff_t plane) {
    float halves[2][winograd_points * LANES];
    for (int half = 0; half < 2; half++) {
        ptrdiff_t used = count - half * LANES < LANES ? count - half * LANES : LANES;
        if (used < LANES) memset(halves[half], 0, sizeof halves[half]);
        if (used > 0) transform_window(input, grid, window, channel + half * LANES, used, halves[half], LANES);
    }
    for (int point = 0; point < winograd_points; point++)
        *(pairs *)(out + point * plane) = narrowed(
            *(const lanes *)(halves[0] + point * LANES), *(const lanes *)(halves[1] + point * LANES), narrowing, 1);
}

static void winograd_input_narrow(
    const float *input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, const ck_narrowing *narrowing, float *out, ptrdiff_t plane) {
    tile_grid grid = make_grid(pictures, height, width, channels);
    ptrdiff_t inner = pair_count(channels), step = TILE_ROWS * LANES;
    // [points, TILE_ROWS, pairs]; rows that are missing stay zero.
    float transformed[winograd_points * TILE_ROWS * LANES] __attribute__((aligned(64)));
    for (ptrdiff_t i = 0; i < count; i += TILE_ROWS) {
        ptrdiff_t used = count - i < TILE_ROWS ? count - i : TILE_ROWS;
        tile_window windows[TILE_ROWS];
        for (ptrdiff_t r = 0; r < used; r++) windows[r] = place_input(&grid, first + i + r);
        if (used < TILE_ROWS) memset(transformed, 0, sizeof transformed);
        for (ptrdiff_t k = 0; k < inner; k += LANES) {
            ptrdiff_t channel = 2 * k, length = channels - channel;
            for (ptrdiff_t r = 0; r < used; r++) {
                const tile_window *window = &windows[r];
                float *target = transformed + r * LANES;
                if (narrowing->is_bf16)
                    transform_bf16(input, &grid, window, channel, length, narrowing, target, step);
                else if (window->is_whole && length >= narrow_group)
                    transform_integers(input, &grid, window, channel, length, narrowing, 1, target, step);
                else
                    transform_integers(input, &grid, window, channel, length, narrowing, 0, target, step);
            }
            float *target = out + i * inner + k * TILE_ROWS;
            for (int point = 0; point < winograd_points; point++) {
                const float *rows[TILE_ROWS];
                for (int r = 0; r < TILE_ROWS; r++) rows[r] = transformed + (point * TILE_ROWS + r) * LANES;
                pack_rows(rows, LANES, target + point * plane);
            }
        }
    }
}
