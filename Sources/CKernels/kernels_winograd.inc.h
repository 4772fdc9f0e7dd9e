// Winograd F(4x4,3x3) (Lavin and Gray, arXiv 1509.09308): the transforms of tiles.

enum { winograd_tile = 4, winograd_window = 6 };

// One dimension of the input transform: B^T of the paper, for the points 0, 1, -1, 2, -2 and infinity.
#define INPUT_TRANSFORM(d0, d1, d2, d3, d4, d5, t0, t1, t2, t3, t4, t5) \
    do {                                                                 \
        t0 = 4 * d0 - 5 * d2 + d4;                                       \
        t1 = d4 + d3 - 4 * (d1 + d2);                                    \
        t2 = d4 - d3 + 4 * (d1 - d2);                                    \
        t3 = d4 - d2 + 2 * (d3 - d1);                                    \
        t4 = d4 - d2 + 2 * (d1 - d3);                                    \
        t5 = 4 * d1 - 5 * d3 + d5;                                       \
    } while (0)

// One dimension of the output transform: A^T of the paper.
#define OUTPUT_TRANSFORM(m0, m1, m2, m3, m4, m5, y0, y1, y2, y3) \
    do {                                                          \
        y0 = m0 + m1 + m2 + m3 + m4;                              \
        y1 = m1 - m2 + 2 * (m3 - m4);                             \
        y2 = m1 + m2 + 4 * (m3 + m4);                             \
        y3 = m1 - m2 + 8 * (m3 - m4) + m5;                        \
    } while (0)

// Transforms one tile for as many channels as the type has lanes.
#define DEFINE_INPUT_TILE(name, type)                                                                             \
    INLINE void name(const float *const *rows, const ptrdiff_t *columns, ptrdiff_t c, float *out, ptrdiff_t plane) { \
        type t[winograd_window][winograd_window];                                                                                   \
        for (int x = 0; x < winograd_window; x++) {                                                                        \
            type d[winograd_window];                                                                                       \
            for (int y = 0; y < winograd_window; y++)                                                                      \
                d[y] = rows[y] && columns[x] >= 0 ? *(const type *)(rows[y] + columns[x] + c) : (type){0};        \
            INPUT_TRANSFORM(d[0], d[1], d[2], d[3], d[4], d[5], t[0][x], t[1][x], t[2][x], t[3][x], t[4][x], t[5][x]); \
        }                                                                                                         \
        for (int y = 0; y < winograd_window; y++) {                                                                        \
            type v[winograd_window];                                                                                       \
            INPUT_TRANSFORM(t[y][0], t[y][1], t[y][2], t[y][3], t[y][4], t[y][5], v[0], v[1], v[2], v[3], v[4], v[5]); \
            for (int x = 0; x < winograd_window; x++) *(type *)(out + (y * winograd_window + x) * plane) = v[x];                    \
        }                                                                                                         \
    }
DEFINE_INPUT_TILE(input_tile_lanes, lanes)
DEFINE_INPUT_TILE(input_tile1, float)

// Where the rows and columns of a tile's window begin; outside of the picture everything is zero.
typedef struct {
    // Null outside.
    const float *rows[winograd_window];
    // Floats from a row's beginning; negative outside.
    ptrdiff_t columns[winograd_window];
} tile_window;

INLINE tile_window place_window(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t tile) {
    ptrdiff_t across = (width + winograd_tile - 1) / winograd_tile;
    ptrdiff_t tiles = across * ((height + winograd_tile - 1) / winograd_tile);
    ptrdiff_t number = tile % tiles;
    const float *picture = input + tile / tiles * height * width * channels;
    ptrdiff_t top = number / across * winograd_tile - 1, left = number % across * winograd_tile - 1;
    tile_window window;
    for (int k = 0; k < winograd_window; k++) {
        window.rows[k] = top + k >= 0 && top + k < height ? picture + (top + k) * width * channels : NULL;
        window.columns[k] = left + k >= 0 && left + k < width ? (left + k) * channels : -1;
    }
    return window;
}

// Transforms the channels first..<first + count of a tile; the points lie `plane` floats apart.
INLINE void transform_window(
    const tile_window *window, ptrdiff_t first, ptrdiff_t count, float *out, ptrdiff_t plane) {
    ptrdiff_t c = 0;
    for (; c + LANES <= count; c += LANES) input_tile_lanes(window->rows, window->columns, first + c, out + c, plane);
    for (; c < count; c++) input_tile1(window->rows, window->columns, first + c, out + c, plane);
}

static void winograd_input(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    float *out) {
    for (ptrdiff_t i = 0; i < count; i++) {
        tile_window window = place_window(input, height, width, channels, first + i);
        transform_window(&window, 0, channels, out + i * channels, count * channels);
    }
}

#define DEFINE_OUTPUT_TILE(name, type)                                                                              \
    INLINE void name(                                                                                              \
        const float *products, ptrdiff_t plane, const float *bias, const float *residual, int relu, ptrdiff_t rows, \
        ptrdiff_t columns, ptrdiff_t row_stride, ptrdiff_t channels, float *out) {                                 \
        type t[winograd_tile][winograd_window];                                                                                      \
        for (int x = 0; x < winograd_window; x++) {                                                                         \
            type m[winograd_window];                                                                                        \
            for (int y = 0; y < winograd_window; y++) m[y] = *(const type *)(products + (y * winograd_window + x) * plane);          \
            OUTPUT_TRANSFORM(m[0], m[1], m[2], m[3], m[4], m[5], t[0][x], t[1][x], t[2][x], t[3][x]);              \
        }                                                                                                          \
        type b = bias ? *(const type *)bias : (type){0};                                                           \
        for (int y = 0; y < rows; y++) {                                                                           \
            type v[winograd_tile];                                                                                          \
            OUTPUT_TRANSFORM(t[y][0], t[y][1], t[y][2], t[y][3], t[y][4], t[y][5], v[0], v[1], v[2], v[3]);        \
            for (int x = 0; x < columns; x++) {                                                                    \
                ptrdiff_t place = y * row_stride + x * channels;                                                   \
                type value = v[x] + b;                                                                             \
                if (residual) value += *(const type *)(residual + place);                                          \
                if (relu) value = __builtin_elementwise_max(value, (type){0});                                     \
                *(type *)(out + place) = value;                                                                    \
            }                                                                                                      \
        }                                                                                                          \
    }
DEFINE_OUTPUT_TILE(output_tile_lanes, lanes)
DEFINE_OUTPUT_TILE(output_tile1, float)

static void winograd_output(
    const float *products, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    const ck_epilogue *epilogue, float *output) {
    ptrdiff_t across = (width + winograd_tile - 1) / winograd_tile;
    ptrdiff_t tiles = across * ((height + winograd_tile - 1) / winograd_tile);
    ptrdiff_t plane = count * channels, row_stride = width * channels;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t number = (first + i) % tiles;
        ptrdiff_t top = number / across * winograd_tile, left = number % across * winograd_tile;
        ptrdiff_t rows = height - top < winograd_tile ? height - top : winograd_tile;
        ptrdiff_t columns = width - left < winograd_tile ? width - left : winograd_tile;
        ptrdiff_t place = (first + i) / tiles * height * row_stride + top * row_stride + left * channels;
        const float *source = products + i * channels;
        const float *bias = epilogue->bias;
        const float *residual = epilogue->residual ? epilogue->residual + place : NULL;
        ptrdiff_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            output_tile_lanes(
                source + c, plane, bias ? bias + c : NULL, residual ? residual + c : NULL, epilogue->relu, rows,
                columns, row_stride, channels, output + place + c);
        for (; c < channels; c++)
            output_tile1(
                source + c, plane, bias ? bias + c : NULL, residual ? residual + c : NULL, epilogue->relu, rows,
                columns, row_stride, channels, output + place + c);
    }
}
