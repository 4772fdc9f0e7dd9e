// Normalising and resizing pictures, and masks by columns.

// Four floats at a time: a pixel's three and one more, which the next pixel's are written over.
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

// One row, normalised and resized horizontally: `output_width` pixels and one float more.
INLINE void resize_row(
    const uint8_t *pixels, ptrdiff_t width, const float *table, const ck_resize_place *columns,
    ptrdiff_t output_width, float *restrict normalized, float *restrict out) {
// PyTorch rounds every step.
#pragma clang fp contract(off)
    for (ptrdiff_t x = 0; x < 3 * width; x += 3)
        for (int c = 0; c < 3; c++) normalized[x + c] = table[256 * c + pixels[x + c]];
    for (ptrdiff_t x = 0; x < output_width; x++) {
        const quad *left = (const quad *)(normalized + 3 * columns[x].low);
        const quad *right = (const quad *)(normalized + 3 * columns[x].high);
        *(quad *)(out + 3 * x) = (1 - columns[x].high_weight) * *left + columns[x].high_weight * *right;
    }
}

static void resize_normalized(
    const uint8_t *pixels, ptrdiff_t width, const float *table, const ck_resize_place *columns,
    const ck_resize_place *rows, ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count, ptrdiff_t output_stride,
    float *output, float *scratch) {
#pragma clang fp contract(off)
    // The last two input rows, resized horizontally; neighbours never share a place.
    ptrdiff_t length = 3 * output_width + 1;
    float *known[2] = {scratch, scratch + length}, *normalized = scratch + 2 * length;
    ptrdiff_t numbers[2] = {-1, -1};
    normalized[3 * width] = 0;
    for (ptrdiff_t y = first; y < first + count; y++) {
        ptrdiff_t needed[2] = {rows[y].low, rows[y].high};
        for (int i = 0; i < 2; i++) {
            ptrdiff_t row = needed[i];
            if (numbers[row & 1] == row) continue;
            resize_row(pixels + row * width * 3, width, table, columns, output_width, normalized, known[row & 1]);
            numbers[row & 1] = row;
        }
        const float *above = known[needed[0] & 1], *below = known[needed[1] & 1];
        float *restrict out = output + y * output_stride, v = rows[y].high_weight;
        for (ptrdiff_t x = 0; x < 3 * output_width; x++) out[x] = (1 - v) * above[x] + v * below[x];
    }
}

static void mask_column(
    const float *restrict low, const float *restrict high, float low_weight, float high_weight, ptrdiff_t count,
    float least, float most, float *restrict values, uint8_t *restrict sides) {
#pragma clang fp contract(off)
    for (ptrdiff_t i = 0; i < count; i++) values[i] = low_weight * low[i] + high_weight * high[i];
    for (ptrdiff_t i = 0; i < count; i++)
        sides[i] = (uint8_t)((values[i] > most ? ck_side_above : 0) | (values[i] < least ? ck_side_below : 0));
}
