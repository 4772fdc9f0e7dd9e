// Products of a row-major left side with packed weights, after Goto and van de Geijn (Anatomy of High-Performance Matrix
// Multiplication, 2008): the left side is packed block by block, a panel of weights stays in the first cache, and a tile of the
// result in the registers.

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

// Copies `rows` rows (at most TILE_ROWS) of `inner` floats into [inner, TILE_ROWS], missing rows as zeros.
INLINE void pack_rows(const float *a, ptrdiff_t a_stride, ptrdiff_t rows, ptrdiff_t inner, float *out) {
    int r = 0;
    for (; r + 4 <= TILE_ROWS && r + 4 <= rows; r += 4) {
        const float *a0 = a + r * a_stride, *a1 = a0 + a_stride, *a2 = a1 + a_stride, *a3 = a2 + a_stride;
        ptrdiff_t k = 0;
        for (; k + 4 <= inner; k += 4) {
            quad v0 = *(const quad *)(a0 + k), v1 = *(const quad *)(a1 + k);
            quad v2 = *(const quad *)(a2 + k), v3 = *(const quad *)(a3 + k);
            quad l01 = __builtin_shufflevector(v0, v1, 0, 4, 1, 5), h01 = __builtin_shufflevector(v0, v1, 2, 6, 3, 7);
            quad l23 = __builtin_shufflevector(v2, v3, 0, 4, 1, 5), h23 = __builtin_shufflevector(v2, v3, 2, 6, 3, 7);
            float *o = out + k * TILE_ROWS + r;
            *(quad *)o = __builtin_shufflevector(l01, l23, 0, 1, 4, 5);
            *(quad *)(o + TILE_ROWS) = __builtin_shufflevector(l01, l23, 2, 3, 6, 7);
            *(quad *)(o + 2 * TILE_ROWS) = __builtin_shufflevector(h01, h23, 0, 1, 4, 5);
            *(quad *)(o + 3 * TILE_ROWS) = __builtin_shufflevector(h01, h23, 2, 3, 6, 7);
        }
        for (; k < inner; k++) {
            float *o = out + k * TILE_ROWS + r;
            o[0] = a0[k], o[1] = a1[k], o[2] = a2[k], o[3] = a3[k];
        }
    }
    for (; r < TILE_ROWS; r++) {
        const float *row = r < rows ? a + r * a_stride : NULL;
        for (ptrdiff_t k = 0; k < inner; k++) out[k * TILE_ROWS + r] = row ? row[k] : 0;
    }
}

// What a tile does with its sums.
typedef struct {
    float *c;
    ptrdiff_t stride, rows, columns;
    // Whether c holds the sums over the part of the inner dimension before this one.
    int accumulates;
    // What follows the sums once they are whole; null before.
    const ck_epilogue *epilogue;
    // Where the tile's first column and place are in the epilogue's bias and residual.
    ptrdiff_t column, place;
} tile_target;

INLINE lanes finished(lanes sum, const ck_epilogue *epilogue, ptrdiff_t column, ptrdiff_t place) {
    if (epilogue->bias) sum += *(const lanes *)(epilogue->bias + column);
    if (epilogue->residual) sum += *(const lanes *)(epilogue->residual + place);
    if (epilogue->relu) sum = __builtin_elementwise_max(sum, (lanes){0});
    return sum;
}

// A tile at the border, whose sums lie in `sums` [TILE_ROWS, panel_width].
static void store_partly(const float *sums, const tile_target *target) {
    const ck_epilogue *epilogue = target->epilogue;
    for (ptrdiff_t r = 0; r < target->rows; r++) {
        for (ptrdiff_t x = 0; x < target->columns; x++) {
            float value = sums[r * panel_width + x];
            float *out = target->c + r * target->stride + x;
            if (target->accumulates) value += *out;
            if (epilogue) {
                if (epilogue->bias) value += epilogue->bias[target->column + x];
                if (epilogue->residual) value += epilogue->residual[target->place + r * target->stride + x];
                if (epilogue->relu) value = value > 0 ? value : 0;
            }
            *out = value;
        }
    }
}

INLINE void store_tile(lanes sums[TILE_ROWS][tile_vectors], const tile_target *target) {
    if (target->rows < TILE_ROWS || target->columns < panel_width) {
        float spilled[TILE_ROWS * panel_width];
#pragma clang loop unroll(full)
        for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
            for (int j = 0; j < tile_vectors; j++) *(lanes *)(spilled + i * panel_width + j * LANES) = sums[i][j];
        }
        store_partly(spilled, target);
        return;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_ROWS; i++) {
        float *out = target->c + i * target->stride;
#pragma clang loop unroll(full)
        for (int j = 0; j < tile_vectors; j++) {
            lanes sum = sums[i][j];
            if (target->accumulates) sum += *(const lanes *)(out + j * LANES);
            if (target->epilogue)
                sum = finished(
                    sum, target->epilogue, target->column + j * LANES,
                    target->place + i * target->stride + j * LANES);
            *(lanes *)(out + j * LANES) = sum;
        }
    }
}

// One tile: TILE_ROWS x panel_width sums over `inner`, of a packed block [inner, TILE_ROWS] and a panel.
static void multiply_tile(const float *a, const float *b, ptrdiff_t inner, const tile_target *target) {
    lanes sums[TILE_ROWS][tile_vectors] = {};
    for (ptrdiff_t k = 0; k < inner; k++, a += TILE_ROWS, b += panel_width) {
        lanes columns[tile_vectors];
#pragma clang loop unroll(full)
        for (int j = 0; j < tile_vectors; j++) columns[j] = *(const lanes *)(b + j * LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
            for (int j = 0; j < tile_vectors; j++) sums[i][j] += a[i] * columns[j];
        }
    }
    store_tile(sums, target);
}

static void multiply(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride, const float *packed,
    float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    ptrdiff_t parts = (inner + ck_inner_block - 1) / ck_inner_block;
    ptrdiff_t depth = parts > 0 ? (inner + parts - 1) / parts : 0;
    for (ptrdiff_t top = 0; top < rows; top += ck_row_block) {
        ptrdiff_t height = rows - top < ck_row_block ? rows - top : ck_row_block;
        for (ptrdiff_t start = 0; start < inner; start += depth) {
            ptrdiff_t length = inner - start < depth ? inner - start : depth;
            for (ptrdiff_t r = 0; r < height; r += TILE_ROWS)
                pack_rows(
                    a + (top + r) * a_stride + start, a_stride, height - r < TILE_ROWS ? height - r : TILE_ROWS, length,
                    scratch + r * length);
            for (ptrdiff_t x = 0; x < columns; x += panel_width) {
                const float *panel = packed + x * inner + start * panel_width;
                for (ptrdiff_t r = 0; r < height; r += TILE_ROWS) {
                    ptrdiff_t place = (top + r) * c_stride + x;
                    tile_target target = {
                        .c = c + place,
                        .stride = c_stride,
                        .rows = height - r < TILE_ROWS ? height - r : TILE_ROWS,
                        .columns = columns - x < panel_width ? columns - x : panel_width,
                        .accumulates = start > 0,
                        .epilogue = start + length == inner ? epilogue : NULL,
                        .column = x,
                        .place = place,
                    };
                    multiply_tile(scratch + r * length, panel, length, &target);
                }
            }
        }
    }
}

static void apply_epilogue(
    float *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const ck_epilogue *epilogue) {
    const float *bias = epilogue->bias, *residual = epilogue->residual;
    int relu = epilogue->relu;
    if (!bias && !residual && !relu) return;
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *row = out + r * stride;
        ptrdiff_t c = 0;
        for (; c + LANES <= columns; c += LANES)
            *(lanes *)(row + c) = finished(*(const lanes *)(row + c), epilogue, c, r * stride + c);
        for (; c < columns; c++) {
            float value = row[c];
            if (bias) value += bias[c];
            if (residual) value += residual[r * stride + c];
            row[c] = relu && value < 0 ? 0 : value;
        }
    }
}

static void inner_products(
    const float *rows, ptrdiff_t count, ptrdiff_t length, const float *weights, float bias, float *out) {
    for (ptrdiff_t r = 0; r < count; r++, rows += length) {
        lanes sums = {};
        ptrdiff_t k = 0;
        for (; k + LANES <= length; k += LANES) sums += *(const lanes *)(rows + k) * *(const lanes *)(weights + k);
        float sum = bias;
        for (int i = 0; i < LANES; i++) sum += sums[i];
        for (; k < length; k++) sum += rows[k] * weights[k];
        out[r] = sum;
    }
}

// A tile's multiplications and additions without its memory: the most that a product could reach.
static float multiply_registers(ptrdiff_t rounds) {
    lanes sums[TILE_ROWS][tile_vectors] = {};
    lanes row = (lanes){} + 0.5f, columns[tile_vectors];
    for (int j = 0; j < tile_vectors; j++) columns[j] = (lanes){} + 1e-3f;
    for (ptrdiff_t k = 0; k < rounds; k++) {
        // Values that may have changed cannot be multiplied ahead of the loop.
        ck_barrier(row);
#pragma clang loop unroll(full)
        for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
            for (int j = 0; j < tile_vectors; j++) sums[i][j] += row * columns[j];
        }
    }
    lanes total = {};
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < tile_vectors; j++) total += sums[i][j];
    return total[0];
}
