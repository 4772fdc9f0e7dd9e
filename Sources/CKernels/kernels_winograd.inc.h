// Winograd F(4x4,3x3) (Lavin and Gray, arXiv 1509.09308): the transforms of tiles.

enum { winograd_tile = 4, winograd_window = 6 };

// One dimension of the input transform: B^T of the paper, for the points 0, 1, -1, 2, -2 and infinity.
#define INPUT_TRANSFORM(type, d, out, step)                              \
    do {                                                                 \
        type even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];              \
        type far = d[4] - d[2], near = 2 * (d[3] - d[1]);                \
        out[0] = 4 * d[0] + (d[4] - 5 * d[2]);                           \
        out[step] = even + odd;                                          \
        out[2 * (step)] = even - odd;                                    \
        out[3 * (step)] = far + near;                                    \
        out[4 * (step)] = far - near;                                    \
        out[5 * (step)] = 4 * d[1] + (d[5] - 5 * d[3]);                  \
    } while (0)

// One dimension of the output transform: A^T of the paper.
#define OUTPUT_TRANSFORM(type, m, out, step)                             \
    do {                                                                 \
        type near_sum = m[1] + m[2], near = m[1] - m[2];                 \
        type far_sum = m[3] + m[4], far = m[3] - m[4];                   \
        out[0] = m[0] + near_sum + far_sum;                              \
        out[step] = near + 2 * far;                                      \
        out[2 * (step)] = near_sum + 4 * far_sum;                        \
        out[3 * (step)] = near + 8 * far + m[5];                         \
    } while (0)

// Transforms one tile for as many channels as the type has lanes; the points lie `plane` floats apart.
#define DEFINE_INPUT_TILE(name, type)                                                                                \
    INLINE void name(const float *const *rows, const ptrdiff_t *columns, ptrdiff_t c, float *out, ptrdiff_t plane) { \
        type t[winograd_window * winograd_window];                                                                   \
        UNROLL for (int x = 0; x < winograd_window; x++) {                                                           \
            type d[winograd_window];                                                                                 \
            UNROLL for (int y = 0; y < winograd_window; y++) d[y] = *(const type *)(rows[y] + columns[x] + c);       \
            type *v = t + x;                                                                                         \
            INPUT_TRANSFORM(type, d, v, winograd_window);                                                            \
        }                                                                                                            \
        UNROLL for (int y = 0; y < winograd_window; y++) {                                                           \
            type *d = t + y * winograd_window, v[winograd_window];                                                   \
            INPUT_TRANSFORM(type, d, v, 1);                                                                          \
            UNROLL for (int x = 0; x < winograd_window; x++) *(type *)(out + (y * winograd_window + x) * plane) = v[x]; \
        }                                                                                                            \
    }
DEFINE_INPUT_TILE(input_tile_lanes, lanes)
DEFINE_INPUT_TILE(input_tile1, float)

// Channels that are transformed and packed at a time: they stay in the first cache between.
enum { winograd_channels = LANES, winograd_points = winograd_window * winograd_window };

// Where the rows and columns of a tile's window lie.
typedef struct {
    const float *rows[winograd_window];
    // Floats from a row's beginning.
    ptrdiff_t columns[winograd_window];
    // Whether some of it is outside of the picture, where everything is zero: those have a null row or a negative column.
    int is_partial;
} tile_window;

// Which tiles a map has.
typedef struct {
    const float *input;
    ptrdiff_t height, width, channels, across, tiles;
} tile_grid;

INLINE tile_grid make_grid(const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels) {
    ptrdiff_t across = (width + winograd_tile - 1) / winograd_tile;
    tile_grid grid = {input, height, width, channels, across, across * ((height + winograd_tile - 1) / winograd_tile)};
    return grid;
}

INLINE tile_window place_window(const tile_grid *grid, ptrdiff_t tile) {
    ptrdiff_t number = tile % grid->tiles, channels = grid->channels;
    const float *picture = grid->input + tile / grid->tiles * grid->height * grid->width * channels;
    ptrdiff_t top = number / grid->across * winograd_tile - 1, left = number % grid->across * winograd_tile - 1;
    tile_window window = {.is_partial = 0};
    for (int k = 0; k < winograd_window; k++) {
        int row_inside = top + k >= 0 && top + k < grid->height, inside = left + k >= 0 && left + k < grid->width;
        window.rows[k] = row_inside ? picture + (top + k) * grid->width * channels : NULL;
        window.columns[k] = inside ? (left + k) * channels : -1;
        window.is_partial |= !row_inside || !inside;
    }
    return window;
}

// Transforms the channels first..<first + count, at most winograd_channels, of a tile; the points lie `plane` floats apart.
INLINE void transform_window(
    const tile_window *window, ptrdiff_t first, ptrdiff_t count, float *out, ptrdiff_t plane) {
    // A window at the border is copied with its zeros, so that the transform itself need not look.
    float copy[winograd_points * winograd_channels];
    const float *copy_rows[winograd_window];
    ptrdiff_t copy_columns[winograd_window];
    const float *const *rows = window->rows;
    const ptrdiff_t *columns = window->columns;
    if (window->is_partial) {
        for (int y = 0; y < winograd_window; y++) {
            copy_rows[y] = copy + y * winograd_window * winograd_channels;
            copy_columns[y] = y * winograd_channels;
            for (int x = 0; x < winograd_window; x++) {
                float *target = copy + (y * winograd_window + x) * winograd_channels;
                if (rows[y] && columns[x] >= 0)
                    memcpy(target, rows[y] + columns[x] + first, (size_t)count * sizeof(float));
                else
                    memset(target, 0, (size_t)count * sizeof(float));
            }
        }
        rows = copy_rows;
        columns = copy_columns;
        first = 0;
    }
    if (count == LANES) {
        input_tile_lanes(rows, columns, first, out, plane);
        return;
    }
    for (ptrdiff_t c = 0; c < count; c++) input_tile1(rows, columns, first + c, out + c, plane);
}

static void winograd_input(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    float *out, ptrdiff_t plane) {
    tile_grid grid = make_grid(input, height, width, channels);
    for (ptrdiff_t i = 0; i < count; i++) {
        tile_window window = place_window(&grid, first + i);
        for (ptrdiff_t c = 0; c < channels; c += winograd_channels)
            transform_window(
                &window, c, channels - c < winograd_channels ? channels - c : winograd_channels,
                out + i * channels + c, plane);
    }
}

static void winograd_input_packed(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    float *out, ptrdiff_t plane) {
    tile_grid grid = make_grid(input, height, width, channels);
    // [points, TILE_ROWS, channels]; rows that are missing stay zero.
    float transformed[winograd_points * TILE_ROWS * winograd_channels] __attribute__((aligned(64)));
    for (ptrdiff_t i = 0; i < count; i += TILE_ROWS) {
        ptrdiff_t used = count - i < TILE_ROWS ? count - i : TILE_ROWS;
        tile_window windows[TILE_ROWS];
        for (ptrdiff_t r = 0; r < used; r++) windows[r] = place_window(&grid, first + i + r);
        if (used < TILE_ROWS) memset(transformed, 0, sizeof transformed);
        for (ptrdiff_t c = 0; c < channels; c += winograd_channels) {
            ptrdiff_t length = channels - c < winograd_channels ? channels - c : winograd_channels;
            for (ptrdiff_t r = 0; r < used; r++)
                transform_window(
                    &windows[r], c, length, transformed + r * winograd_channels, TILE_ROWS * winograd_channels);
            float *target = out + i * channels + c * TILE_ROWS;
            for (int point = 0; point < winograd_points; point++) {
                const float *source = transformed + point * TILE_ROWS * winograd_channels;
                const float *rows[TILE_ROWS];
                for (int r = 0; r < TILE_ROWS; r++) rows[r] = source + r * winograd_channels;
                if (length == LANES)
                    pack_rows(rows, LANES, target + point * plane);
                else
                    pack_rows(rows, length, target + point * plane);
            }
        }
    }
}

// Transforms one tile's products back for as many channels as the type has lanes. `rows` and `columns` are those of the tile that lie
// inside of the picture.
#define DEFINE_OUTPUT_TILE(name, type)                                                                              \
    INLINE void name(                                                                                               \
        const float *products, ptrdiff_t plane, const float *bias, const float *residual, int relu, ptrdiff_t rows, \
        ptrdiff_t columns, ptrdiff_t row_stride, ptrdiff_t channels, float *out) {                                  \
        type t[winograd_tile * winograd_window];                                                                    \
        UNROLL for (int x = 0; x < winograd_window; x++) {                                                          \
            type m[winograd_window];                                                                                \
            UNROLL for (int y = 0; y < winograd_window; y++)                                                        \
                m[y] = *(const type *)(products + (y * winograd_window + x) * plane);                               \
            type *v = t + x;                                                                                        \
            OUTPUT_TRANSFORM(type, m, v, winograd_window);                                                          \
        }                                                                                                           \
        type b = bias ? *(const type *)bias : (type){0};                                                            \
        for (int y = 0; y < rows; y++) {                                                                            \
            type *m = t + y * winograd_window, v[winograd_tile];                                                    \
            OUTPUT_TRANSFORM(type, m, v, 1);                                                                        \
            for (int x = 0; x < columns; x++) {                                                                     \
                ptrdiff_t place = y * row_stride + x * channels;                                                    \
                type value = v[x] + b;                                                                              \
                if (residual) value += *(const type *)(residual + place);                                           \
                if (relu) value = __builtin_elementwise_max(value, (type){0});                                      \
                *(type *)(out + place) = value;                                                                     \
            }                                                                                                       \
        }                                                                                                           \
    }
DEFINE_OUTPUT_TILE(output_tile_lanes, lanes)
DEFINE_OUTPUT_TILE(output_tile1, float)

static void winograd_output(
    const float *products, ptrdiff_t plane, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, const ck_epilogue *epilogue, float *output) {
    tile_grid grid = make_grid(NULL, height, width, channels);
    ptrdiff_t row_stride = width * channels;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t number = (first + i) % grid.tiles;
        ptrdiff_t top = number / grid.across * winograd_tile, left = number % grid.across * winograd_tile;
        ptrdiff_t rows = height - top < winograd_tile ? height - top : winograd_tile;
        ptrdiff_t columns = width - left < winograd_tile ? width - left : winograd_tile;
        ptrdiff_t place = (first + i) / grid.tiles * height * row_stride + top * row_stride + left * channels;
        const float *source = products + i * channels;
        const float *bias = epilogue->bias;
        const float *residual = epilogue->residual ? epilogue->residual + place : NULL;
        int whole = rows == winograd_tile && columns == winograd_tile && !residual;
        ptrdiff_t c = 0;
        // Nearly all tiles are like this; known bounds let the compiler keep the tile in registers.
        if (whole && bias)
            for (; c + LANES <= channels; c += LANES)
                output_tile_lanes(
                    source + c, plane, bias + c, NULL, epilogue->relu, winograd_tile, winograd_tile, row_stride,
                    channels, output + place + c);
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
