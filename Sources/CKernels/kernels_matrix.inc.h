// Products of a row-major left side with packed weights, after Goto and van de Geijn (Anatomy of High-Performance
// Matrix Multiplication, 2008): the left side is packed block by block, a panel of weights stays in the first cache,
// and a tile of the result in the registers.

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef float pair __attribute__((vector_size(8), aligned(4), may_alias));

// What stands for rows that are not there; packing goes through the inner dimension in blocks.
static const float no_row[ck_inner_block];

#if LANES == 8 && TILE_ROWS == 6
// Packs eight floats of each of six rows: pairs of rows are interleaved, then the pairs.
INLINE void pack_vectors(const lanes *v, float *out) {
    lanes low[3], high[3];
    UNROLL for (int i = 0; i < 3; i++) {
        low[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        high[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    lanes parts[6] = {
        __builtin_shufflevector(low[0], low[1], 0, 1, 8, 9, 4, 5, 12, 13),
        __builtin_shufflevector(low[2], low[0], 0, 1, 10, 11, 4, 5, 14, 15),
        __builtin_shufflevector(low[1], low[2], 2, 3, 10, 11, 6, 7, 14, 15),
        __builtin_shufflevector(high[0], high[1], 0, 1, 8, 9, 4, 5, 12, 13),
        __builtin_shufflevector(high[2], high[0], 0, 1, 10, 11, 4, 5, 14, 15),
        __builtin_shufflevector(high[1], high[2], 2, 3, 10, 11, 6, 7, 14, 15),
    };
    UNROLL for (int i = 0; i < 6; i++) {
        *(quad *)(out + 4 * i) = __builtin_shufflevector(parts[i], parts[i], 0, 1, 2, 3);
        *(quad *)(out + 24 + 4 * i) = __builtin_shufflevector(parts[i], parts[i], 4, 5, 6, 7);
    }
}
#define PACKS_VECTORS
#endif

// Copies TILE_ROWS rows of `inner` floats into [inner, TILE_ROWS].
INLINE void pack_rows(const float *const *all_rows, ptrdiff_t inner, float *out) {
    const float *rows[TILE_ROWS];
    for (int i = 0; i < TILE_ROWS; i++) rows[i] = all_rows[i];
#if defined(PACKS_VECTORS)
    ptrdiff_t whole = inner / LANES * LANES;
    for (ptrdiff_t k = 0; k < whole; k += LANES, out += LANES * TILE_ROWS) {
        lanes v[TILE_ROWS];
        UNROLL for (int i = 0; i < TILE_ROWS; i++) v[i] = *(const lanes *)(rows[i] + k);
        pack_vectors(v, out);
    }
    inner -= whole;
    if (inner == 0) return;
    for (int i = 0; i < TILE_ROWS; i++) rows[i] += whole;
#endif
    int r = 0;
    UNROLL for (; r + 4 <= TILE_ROWS; r += 4) {
        const float *a0 = rows[r], *a1 = rows[r + 1], *a2 = rows[r + 2], *a3 = rows[r + 3];
        float *o = out + r;
        ptrdiff_t k = 0;
        for (; k + 4 <= inner; k += 4, o += 4 * TILE_ROWS) {
            quad v0 = *(const quad *)(a0 + k), v1 = *(const quad *)(a1 + k);
            quad v2 = *(const quad *)(a2 + k), v3 = *(const quad *)(a3 + k);
            quad l01 = __builtin_shufflevector(v0, v1, 0, 4, 1, 5), h01 = __builtin_shufflevector(v0, v1, 2, 6, 3, 7);
            quad l23 = __builtin_shufflevector(v2, v3, 0, 4, 1, 5), h23 = __builtin_shufflevector(v2, v3, 2, 6, 3, 7);
            *(quad *)o = __builtin_shufflevector(l01, l23, 0, 1, 4, 5);
            *(quad *)(o + TILE_ROWS) = __builtin_shufflevector(l01, l23, 2, 3, 6, 7);
            *(quad *)(o + 2 * TILE_ROWS) = __builtin_shufflevector(h01, h23, 0, 1, 4, 5);
            *(quad *)(o + 3 * TILE_ROWS) = __builtin_shufflevector(h01, h23, 2, 3, 6, 7);
        }
        for (; k < inner; k++, o += TILE_ROWS) o[0] = a0[k], o[1] = a1[k], o[2] = a2[k], o[3] = a3[k];
    }
    for (; r + 2 <= TILE_ROWS; r += 2) {
        const float *a0 = rows[r], *a1 = rows[r + 1];
        float *o = out + r;
        ptrdiff_t k = 0;
        for (; k + 4 <= inner; k += 4, o += 4 * TILE_ROWS) {
            quad v0 = *(const quad *)(a0 + k), v1 = *(const quad *)(a1 + k);
            *(pair *)o = __builtin_shufflevector(v0, v1, 0, 4);
            *(pair *)(o + TILE_ROWS) = __builtin_shufflevector(v0, v1, 1, 5);
            *(pair *)(o + 2 * TILE_ROWS) = __builtin_shufflevector(v0, v1, 2, 6);
            *(pair *)(o + 3 * TILE_ROWS) = __builtin_shufflevector(v0, v1, 3, 7);
        }
        for (; k < inner; k++, o += TILE_ROWS) o[0] = a0[k], o[1] = a1[k];
    }
}

// The left side of a product: rows in memory, or a convolution's windows.
typedef struct {
    const float *a;
    ptrdiff_t stride;
    // Null for rows.
    const ck_window *window;
    // The first window's output pixel, the first channel of the windows and how many.
    ptrdiff_t first, offset, channels;
} left_side;

// Packs the inner places start..<start + length of the windows of `rows` output pixels.
static void pack_windows(
    const left_side *left, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t start, ptrdiff_t length, float *out) {
    const ck_window *w = left->window;
    // A window's row lies in one piece where all channels belong to it.
    int whole = left->channels == w->channels;
    ptrdiff_t run = whole ? w->kernel * w->channels : left->channels;
    ptrdiff_t tops[TILE_ROWS], lefts[TILE_ROWS];
    ptrdiff_t y = (left->first + row) / w->output_width, x = (left->first + row) % w->output_width;
    for (ptrdiff_t r = 0; r < rows; r++) {
        tops[r] = y * w->stride - w->padding;
        lefts[r] = x * w->stride - w->padding;
        if (++x == w->output_width) x = 0, y++;
    }
    // Nearly all tiles lie in one row of the output and away from the sides: their windows are evenly spaced.
    int is_inner = rows == TILE_ROWS && tops[0] == tops[rows - 1] && lefts[0] >= 0
        && lefts[rows - 1] + w->kernel <= w->width;
    float edges[TILE_ROWS][ck_inner_block];
    const float *pointers[TILE_ROWS];
    for (ptrdiff_t r = rows; r < TILE_ROWS; r++) pointers[r] = no_row;
    for (ptrdiff_t k = start; k < start + length;) {
        ptrdiff_t place = k / run, begin = k % run;
        ptrdiff_t count = run - begin < start + length - k ? run - begin : start + length - k;
        ptrdiff_t ky = whole ? place : place / w->kernel, kx = whole ? 0 : place % w->kernel;
        if (is_inner) {
            ptrdiff_t v = tops[0] + ky;
            int is_inside = v >= 0 && v < w->height;
            const float *source = no_row;
            if (is_inside) source = w->input + (v * w->width + lefts[0] + kx) * w->channels + left->offset + begin;
            ptrdiff_t spacing = is_inside ? w->stride * w->channels : 0;
            for (ptrdiff_t r = 0; r < TILE_ROWS; r++) pointers[r] = source + r * spacing;
        }
        for (ptrdiff_t r = is_inner ? rows : 0; r < rows; r++) {
            ptrdiff_t v = tops[r] + ky, u = lefts[r] + kx, pixels = whole ? w->kernel : 1;
            if (v < 0 || v >= w->height) {
                pointers[r] = no_row;
                continue;
            }
            const float *line = w->input + v * w->width * w->channels + left->offset;
            if (u >= 0 && u + pixels <= w->width) {
                pointers[r] = line + u * w->channels + begin;
                continue;
            }
            // Partly beyond the picture's sides, where everything is zero.
            pointers[r] = edges[r];
            for (ptrdiff_t i = 0; i < count;) {
                ptrdiff_t pixel = (begin + i) / left->channels, channel = (begin + i) % left->channels;
                ptrdiff_t part = left->channels - channel < count - i ? left->channels - channel : count - i;
                if (u + pixel >= 0 && u + pixel < w->width)
                    memcpy(edges[r] + i, line + (u + pixel) * w->channels + channel, (size_t)part * sizeof(float));
                else
                    memset(edges[r] + i, 0, (size_t)part * sizeof(float));
                i += part;
            }
        }
        pack_rows(pointers, count, out);
        out += count * TILE_ROWS;
        k += count;
    }
}

// Packs the inner places start..<start + length of at most TILE_ROWS rows.
INLINE void pack_left(
    const left_side *left, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t start, ptrdiff_t length, float *out) {
    if (left->window) {
        pack_windows(left, row, rows, start, length, out);
        return;
    }
    const float *pointers[TILE_ROWS];
    for (ptrdiff_t r = 0; r < TILE_ROWS; r++)
        pointers[r] = r < rows ? left->a + (row + r) * left->stride + start : no_row;
    pack_rows(pointers, length, out);
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

// Asks for what a tile meets at its end.
INLINE void fetch_target(const tile_target *target) {
    for (ptrdiff_t r = 0; r < target->rows; r++) __builtin_prefetch(target->c + r * target->stride, 1);
    if (target->epilogue && target->epilogue->residual)
        for (ptrdiff_t r = 0; r < target->rows; r++)
            __builtin_prefetch(target->epilogue->residual + target->place + r * target->stride, 0);
}

// Brings a tile's sums, of which `vectors` vectors a row are used, to memory.
INLINE void store_tile(lanes sums[TILE_ROWS][tile_vectors], const int vectors, const tile_target *target) {
    const ck_epilogue *epilogue = target->epilogue;
    float *out = target->c;
    ptrdiff_t stride = target->stride;
    if (target->rows < TILE_ROWS || target->columns < vectors * LANES) {
        float spilled[TILE_ROWS * panel_width];
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            UNROLL for (int j = 0; j < vectors; j++) *(lanes *)(spilled + i * panel_width + j * LANES) = sums[i][j];
        }
        store_partly(spilled, target);
    } else if (!target->accumulates && !epilogue) {
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            UNROLL for (int j = 0; j < vectors; j++) *(lanes *)(out + i * stride + j * LANES) = sums[i][j];
        }
    } else {
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            UNROLL for (int j = 0; j < vectors; j++) {
                lanes sum = sums[i][j];
                if (target->accumulates) sum += *(const lanes *)(out + i * stride + j * LANES);
                if (epilogue)
                    sum = finished(
                        sum, epilogue, target->column + j * LANES, target->place + i * stride + j * LANES);
                *(lanes *)(out + i * stride + j * LANES) = sum;
            }
        }
    }
}

// One tile: TILE_ROWS x panel_width sums over `inner` places of a packed block [inner, TILE_ROWS] and a panel.
INLINE void multiply_tile(const float *a, const float *b, ptrdiff_t inner, const tile_target *target) {
    lanes sums[TILE_ROWS][tile_vectors] = {};
    fetch_target(target);
    for (ptrdiff_t k = 0; k < inner; k++, a += TILE_ROWS, b += panel_width) {
        lanes columns[tile_vectors];
        UNROLL for (int j = 0; j < tile_vectors; j++) columns[j] = *(const lanes *)(b + j * LANES);
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            UNROLL for (int j = 0; j < tile_vectors; j++) sums[i][j] += a[i] * columns[j];
        }
    }
    store_tile(sums, tile_vectors, target);
}

// Two tiles below each other with a panel of which one vector is used: as many sums as a whole tile, so that one does
// not wait for the other.
INLINE void multiply_two_tiles(
    const float *upper, const float *lower, const float *b, ptrdiff_t inner, tile_target *target) {
    lanes upper_sums[TILE_ROWS][tile_vectors] = {}, lower_sums[TILE_ROWS][tile_vectors] = {};
    for (ptrdiff_t k = 0; k < inner; k++, upper += TILE_ROWS, lower += TILE_ROWS, b += panel_width) {
        lanes column = *(const lanes *)b;
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            upper_sums[i][0] += upper[i] * column;
            lower_sums[i][0] += lower[i] * column;
        }
    }
    ptrdiff_t rows = target->rows;
    target->rows = TILE_ROWS;
    store_tile(upper_sums, 1, target);
    target->rows = rows - TILE_ROWS;
    target->c += TILE_ROWS * target->stride;
    target->place += TILE_ROWS * target->stride;
    store_tile(lower_sums, 1, target);
}

// Rows in memory that are packed next, brought to the second cache while a block is multiplied: a block's first touch
// would otherwise wait for memory with nothing to compute.
typedef struct {
    // Null once everything has been asked for.
    const char *next;
    const char *row_end;
    ptrdiff_t rows, row_bytes, stride_bytes;
    // Cache lines that are asked for with each tile.
    ptrdiff_t lines;
} ahead;

enum { line_bytes = 64 };

INLINE ahead look_ahead(const float *a, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t length, ptrdiff_t tiles) {
    ptrdiff_t row_bytes = length * (ptrdiff_t)sizeof(float);
    ahead ahead = {
        .next = rows > 0 ? (const char *)a : NULL,
        .row_end = (const char *)a + row_bytes,
        .rows = rows,
        .row_bytes = row_bytes,
        .stride_bytes = stride * (ptrdiff_t)sizeof(float),
        .lines = tiles > 0 ? (rows * (row_bytes / line_bytes + 1) + tiles - 1) / tiles : 0,
    };
    return ahead;
}

INLINE void fetch_ahead(ahead *ahead) {
    for (ptrdiff_t i = 0; i < ahead->lines && ahead->next; i++) {
        __builtin_prefetch(ahead->next, 0, 2);
        ahead->next += line_bytes;
        if (ahead->next < ahead->row_end) continue;
        ahead->row_end += ahead->stride_bytes;
        ahead->next = --ahead->rows > 0 ? ahead->row_end - ahead->row_bytes : NULL;
    }
}

// One block: packed rows, of which those of a tile begin `tile_stride` floats after the last one's, times the inner
// places start..<start + length of all panels.
static void multiply_block(
    const float *block, ptrdiff_t tile_stride, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, ptrdiff_t start,
    ptrdiff_t length, const float *packed, float *c, ptrdiff_t c_stride, ptrdiff_t top, const ck_epilogue *epilogue,
    ahead *ahead) {
    tile_target target = {
        .stride = c_stride,
        .accumulates = start > 0,
        .epilogue = start + length == inner ? epilogue : NULL,
    };
    for (ptrdiff_t x = 0; x < columns; x += panel_width) {
        const float *panel = packed + x * inner + start * panel_width, *tile = block;
        target.columns = columns - x < panel_width ? columns - x : panel_width;
        target.column = x;
        ptrdiff_t r = 0, place = top * c_stride + x;
        // A last panel that is half empty costs half.
        if (target.columns <= LANES) {
            for (; r + TILE_ROWS < rows; r += 2 * TILE_ROWS, tile += 2 * tile_stride) {
                target.rows = rows - r < 2 * TILE_ROWS ? rows - r : 2 * TILE_ROWS;
                target.place = place + r * c_stride;
                target.c = c + target.place;
                fetch_ahead(ahead);
                fetch_ahead(ahead);
                fetch_target(&target);
                multiply_two_tiles(tile, tile + tile_stride, panel, length, &target);
            }
        }
        for (; r < rows; r += TILE_ROWS, tile += tile_stride) {
            target.rows = rows - r < TILE_ROWS ? rows - r : TILE_ROWS;
            target.place = place + r * c_stride;
            target.c = c + target.place;
            fetch_ahead(ahead);
            multiply_tile(tile, panel, length, &target);
        }
    }
}

// The inner dimension in equal parts of at most ck_inner_block.
INLINE ptrdiff_t inner_part(ptrdiff_t inner) {
    ptrdiff_t parts = (inner + ck_inner_block - 1) / ck_inner_block;
    return parts > 0 ? (inner + parts - 1) / parts : 0;
}

static void multiply_left(
    const left_side *left, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *packed, float *c,
    ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    ptrdiff_t depth = inner_part(inner), most = ck_row_block();
    for (ptrdiff_t top = 0; top < rows; top += most) {
        ptrdiff_t height = rows - top < most ? rows - top : most;
        for (ptrdiff_t start = 0; start < inner; start += depth) {
            ptrdiff_t length = inner - start < depth ? inner - start : depth;
            for (ptrdiff_t r = 0; r < height; r += TILE_ROWS)
                pack_left(
                    left, top + r, height - r < TILE_ROWS ? height - r : TILE_ROWS, start, length,
                    scratch + r * length);
            // The next block: the rest of these rows, or the rows that follow.
            int last = start + length == inner;
            ptrdiff_t below = rows - top - height < most ? rows - top - height : most;
            ptrdiff_t next_top = last ? top + height : top, next_start = last ? 0 : start + length;
            ptrdiff_t tiles = (height + TILE_ROWS - 1) / TILE_ROWS * ((columns + panel_width - 1) / panel_width);
            ahead next = {.next = NULL};
            if (!left->window)
                next = look_ahead(
                    left->a + next_top * left->stride + next_start, left->stride, last ? below : height,
                    depth < inner - next_start ? depth : inner - next_start, tiles);
            multiply_block(
                scratch, TILE_ROWS * length, height, columns, inner, start, length, packed, c, c_stride, top, epilogue,
                &next);
        }
    }
}

static void multiply(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, ptrdiff_t a_stride, const float *packed,
    float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    left_side left = {.a = a, .stride = a_stride};
    multiply_left(&left, rows, columns, inner, packed, c, c_stride, epilogue, scratch);
}

static void multiply_windows(
    const ck_window *window, ptrdiff_t first, ptrdiff_t count, ptrdiff_t offset, ptrdiff_t channels, ptrdiff_t columns,
    const float *packed, float *c, ptrdiff_t c_stride, const ck_epilogue *epilogue, float *scratch) {
    left_side left = {.window = window, .first = first, .offset = offset, .channels = channels};
    ptrdiff_t inner = window->kernel * window->kernel * channels;
    multiply_left(&left, count, columns, inner, packed, c, c_stride, epilogue, scratch);
}

static void multiply_packed(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t inner, const float *a, const float *packed, float *c,
    ptrdiff_t c_stride, const ck_epilogue *epilogue) {
    ptrdiff_t depth = inner_part(inner);
    ahead nothing = {.next = NULL};
    for (ptrdiff_t start = 0; start < inner; start += depth) {
        ptrdiff_t length = inner - start < depth ? inner - start : depth;
        multiply_block(
            a + start * TILE_ROWS, TILE_ROWS * inner, rows, columns, inner, start, length, packed, c, c_stride, 0,
            epilogue, &nothing);
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
            row[c] = relu && !(value > 0) ? 0 : value;
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
    float row = 0.5f;
    lanes columns[tile_vectors];
    for (int j = 0; j < tile_vectors; j++) columns[j] = (lanes){} + 1e-3f;
    for (ptrdiff_t k = 0; k < rounds; k++) {
        // Values that may have changed cannot be multiplied ahead of the loop.
        ck_barrier(row);
        UNROLL for (int i = 0; i < TILE_ROWS; i++) {
            UNROLL for (int j = 0; j < tile_vectors; j++) sums[i][j] += row * columns[j];
        }
    }
    lanes total = {};
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < tile_vectors; j++) total += sums[i][j];
    return total[0];
}
