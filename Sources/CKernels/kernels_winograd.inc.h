// Winograd F(4x4,3x3) (Lavin and Gray, arXiv 1509.09308): the transforms of tiles.

enum { winograd_tile = 4, winograd_window = 6 };

// One dimension of the input transform: B^T of the paper, for the points 0, 1, -1, 2, -2 and infinity.
#define INPUT_TRANSFORM(type, d, out)                                    \
    do {                                                                 \
        type even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];              \
        type far = d[4] - d[2], near = d[3] - d[1];                      \
        out[0] = 4 * d[0] + (d[4] - 5 * d[2]);                           \
        out[1] = even + odd;                                             \
        out[2] = even - odd;                                             \
        out[3] = far + 2 * near;                                         \
        out[4] = far - 2 * near;                                         \
        out[5] = 4 * d[1] + (d[5] - 5 * d[3]);                           \
    } while (0)

// One dimension of the output transform: A^T of the paper.
#define OUTPUT_TRANSFORM(type, m, out)                                   \
    do {                                                                 \
        type near_sum = m[1] + m[2], near = m[1] - m[2];                 \
        type far_sum = m[3] + m[4], far = m[3] - m[4];                   \
        out[0] = m[0] + near_sum + far_sum;                              \
        out[1] = near + 2 * far;                                         \
        out[2] = near_sum + 4 * far_sum;                                 \
        out[3] = near + 8 * far + m[5];                                  \
    } while (0)

// Transforms one tile's window, whose rows lie `line` and whose columns `step` floats apart, for as many channels as
// the type has lanes; the points lie `plane` floats apart. Two rows of points at a time: they share most of their sums,
// and fit into the registers, so that nothing in between goes through memory.
#define DEFINE_INPUT_TILE(name, type)                                                                                \
    INLINE void name(const float *window, ptrdiff_t line, ptrdiff_t step, float *out, ptrdiff_t plane) {             \
        UNROLL for (int pair = 0; pair < 3; pair++) {                                                                \
            type a[winograd_window], b[winograd_window], v[winograd_window];                                         \
            UNROLL for (int x = 0; x < winograd_window; x++) {                                                       \
                const float *d = window + x * step;                                                                  \
                type d1 = *(const type *)(d + line), d2 = *(const type *)(d + 2 * line);                             \
                type d3 = *(const type *)(d + 3 * line), d4 = *(const type *)(d + 4 * line);                         \
                if (pair == 0) {                                                                                     \
                    a[x] = 4 * *(const type *)d + (d4 - 5 * d2);                                                     \
                    b[x] = 4 * d1 + (*(const type *)(d + 5 * line) - 5 * d3);                                        \
                } else if (pair == 1) {                                                                              \
                    type even = d4 - 4 * d2, odd = d3 - 4 * d1;                                                      \
                    a[x] = even + odd;                                                                               \
                    b[x] = even - odd;                                                                               \
                } else {                                                                                             \
                    type far = d4 - d2, near = d3 - d1;                                                              \
                    a[x] = far + 2 * near;                                                                           \
                    b[x] = far - 2 * near;                                                                           \
                }                                                                                                    \
            }                                                                                                        \
            const int row_a = pair == 0 ? 0 : 2 * pair - 1, row_b = pair == 0 ? 5 : 2 * pair;                        \
            INPUT_TRANSFORM(type, a, v);                                                                             \
            UNROLL for (int x = 0; x < winograd_window; x++)                                                         \
                *(type *)(out + (row_a * winograd_window + x) * plane) = v[x];                                       \
            INPUT_TRANSFORM(type, b, v);                                                                             \
            UNROLL for (int x = 0; x < winograd_window; x++)                                                         \
                *(type *)(out + (row_b * winograd_window + x) * plane) = v[x];                                       \
        }                                                                                                            \
    }
DEFINE_INPUT_TILE(input_tile_lanes, lanes)
DEFINE_INPUT_TILE(input_tile1, float)

// Channels that are transformed and packed at a time: they stay in the first cache between. A cache line of them at
// least: rows of a map are often a multiple of the cache's stride apart, so that a line would be gone again when its
// second half is asked for.
enum { winograd_channels = LANES < 16 ? 16 : LANES, winograd_points = winograd_window * winograd_window };

// How tiles lie over one or several pictures. Several are laid out as a mosaic, four in a row, with one pixel of zeros
// between neighbours, which is the padding of both: tiles then need not end where a picture does. 14x14 regions take
// 14.1 tiles instead of 16.
typedef struct {
    ptrdiff_t pictures, height, width, channels;
    // Pictures in a row of the mosaic, and pixels from one to the next.
    ptrdiff_t columns, step_y, step_x;
    // The mosaic's sides, pixels, and tiles in a row.
    ptrdiff_t mosaic_height, mosaic_width, across;
} tile_grid;

INLINE tile_grid make_grid(ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels) {
    tile_grid grid = {
        .pictures = pictures,
        .height = height,
        .width = width,
        .channels = channels,
        .columns = pictures < ck_mosaic_columns ? pictures : ck_mosaic_columns,
        .step_y = height + 1,
        .step_x = width + 1,
    };
    ptrdiff_t rows = (pictures + grid.columns - 1) / grid.columns;
    grid.mosaic_height = rows * grid.step_y - 1;
    grid.mosaic_width = grid.columns * grid.step_x - 1;
    grid.across = (grid.mosaic_width + winograd_tile - 1) / winograd_tile;
    return grid;
}

// The rows and columns of a tile's window, or of its output: where they begin, in floats; negative where everything is
// zero.
typedef struct {
    ptrdiff_t rows[winograd_window], columns[winograd_window];
    // Whether all of it lies in one picture: pictures are a pixel of zeros apart.
    int is_whole;
} tile_window;

// Places `side` rows and columns of the mosaic, beginning at a pixel that may lie outside.
INLINE tile_window place_window(const tile_grid *grid, ptrdiff_t top, ptrdiff_t left, const int side) {
    tile_window window = {.is_whole = 1};
    ptrdiff_t line = grid->width * grid->channels, picture = grid->height * line;
    ptrdiff_t last_row = 0, last_column = 0;
    for (int k = 0; k < side; k++) {
        ptrdiff_t y = top + k, x = left + k;
        ptrdiff_t row = y < 0 ? 0 : y / grid->step_y, column = x < 0 ? 0 : x / grid->step_x;
        y -= row * grid->step_y;
        x -= column * grid->step_x;
        int row_inside = top + k >= 0 && top + k < grid->mosaic_height && y < grid->height;
        int column_inside = left + k >= 0 && left + k < grid->mosaic_width && x < grid->width;
        window.rows[k] = row_inside ? row * grid->columns * picture + y * line : -1;
        window.columns[k] = column_inside ? column * picture + x * grid->channels : -1;
        window.is_whole &= row_inside && column_inside;
        last_row = row;
        last_column = column;
    }
    // The last row of the mosaic may not be full.
    window.is_whole &= last_row * grid->columns + last_column < grid->pictures;
    return window;
}

// Where a window's pixel begins, in floats; negative where it is zero.
INLINE ptrdiff_t place_pixel(const tile_grid *grid, const tile_window *window, int y, int x) {
    if (window->rows[y] < 0 || window->columns[x] < 0) return -1;
    ptrdiff_t place = window->rows[y] + window->columns[x];
    return place < grid->pictures * grid->height * grid->width * grid->channels ? place : -1;
}

INLINE tile_window place_input(const tile_grid *grid, ptrdiff_t tile) {
    ptrdiff_t top = tile / grid->across * winograd_tile, left = tile % grid->across * winograd_tile;
    return place_window(grid, top - 1, left - 1, winograd_window);
}

// Transforms the channels first..<first + count, at most winograd_channels, of a tile; the points lie `plane` floats
// apart.
INLINE void transform_window(
    const float *input, const tile_grid *grid, const tile_window *window, ptrdiff_t first, ptrdiff_t count, float *out,
    ptrdiff_t plane) {
    const float *source;
    ptrdiff_t line = grid->width * grid->channels, step = grid->channels;
    // A window with zeros is copied together with them, so that the transform itself need not look.
    float copy[winograd_points * winograd_channels];
    if (window->is_whole) {
        source = input + window->rows[0] + window->columns[0] + first;
    } else {
        for (int y = 0; y < winograd_window; y++) {
            for (int x = 0; x < winograd_window; x++) {
                float *target = copy + (y * winograd_window + x) * winograd_channels;
                ptrdiff_t place = place_pixel(grid, window, y, x);
                if (place >= 0)
                    memcpy(target, input + place + first, (size_t)count * sizeof(float));
                else
                    memset(target, 0, (size_t)count * sizeof(float));
            }
        }
        source = copy;
        line = winograd_window * winograd_channels;
        step = winograd_channels;
    }
    ptrdiff_t c = 0;
    for (; c + LANES <= count; c += LANES) input_tile_lanes(source + c, line, step, out + c, plane);
    for (; c < count; c++) input_tile1(source + c, line, step, out + c, plane);
}

static void winograd_input(
    const float *input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    float *out, ptrdiff_t plane) {
    tile_grid grid = make_grid(pictures, height, width, channels);
    for (ptrdiff_t i = 0; i < count; i++) {
        tile_window window = place_input(&grid, first + i);
        for (ptrdiff_t c = 0; c < channels; c += winograd_channels)
            transform_window(
                input, &grid, &window, c, channels - c < winograd_channels ? channels - c : winograd_channels,
                out + i * channels + c, plane);
    }
}

static void winograd_input_packed(
    const float *input, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t count,
    float *out, ptrdiff_t plane) {
    tile_grid grid = make_grid(pictures, height, width, channels);
    // [points, TILE_ROWS, channels]; rows that are missing stay zero.
    float transformed[winograd_points * TILE_ROWS * winograd_channels] __attribute__((aligned(64)));
    for (ptrdiff_t i = 0; i < count; i += TILE_ROWS) {
        ptrdiff_t used = count - i < TILE_ROWS ? count - i : TILE_ROWS;
        tile_window windows[TILE_ROWS];
        for (ptrdiff_t r = 0; r < used; r++) windows[r] = place_input(&grid, first + i + r);
        if (used < TILE_ROWS) memset(transformed, 0, sizeof transformed);
        for (ptrdiff_t c = 0; c < channels; c += winograd_channels) {
            ptrdiff_t length = channels - c < winograd_channels ? channels - c : winograd_channels;
            for (ptrdiff_t r = 0; r < used; r++)
                transform_window(
                    input, &grid, &windows[r], c, length, transformed + r * winograd_channels, TILE_ROWS * winograd_channels);
            float *target = out + i * channels + c * TILE_ROWS;
            for (int point = 0; point < winograd_points; point++) {
                const float *source = transformed + point * TILE_ROWS * winograd_channels;
                const float *rows[TILE_ROWS];
                for (int r = 0; r < TILE_ROWS; r++) rows[r] = source + r * winograd_channels;
                if (length == winograd_channels)
                    pack_rows(rows, winograd_channels, target + point * plane);
                else
                    pack_rows(rows, length, target + point * plane);
            }
        }
    }
}

// Transforms one tile's products back for as many channels as the type has lanes: [4, 4] values. Two rows at a time, as
// above.
#define DEFINE_OUTPUT_TILE(name, type)                                                                               \
    INLINE void name(const float *products, ptrdiff_t plane, type *out) {                                            \
        UNROLL for (int pair = 0; pair < 2; pair++) {                                                                \
            type a[winograd_window], b[winograd_window];                                                             \
            UNROLL for (int x = 0; x < winograd_window; x++) {                                                       \
                const float *column = products + x * plane;                                                          \
                const ptrdiff_t line = winograd_window * plane;                                                      \
                type m1 = *(const type *)(column + line), m2 = *(const type *)(column + 2 * line);                   \
                type m3 = *(const type *)(column + 3 * line), m4 = *(const type *)(column + 4 * line);               \
                if (pair == 0) {                                                                                     \
                    type near = m1 + m2, far = m3 + m4;                                                              \
                    a[x] = *(const type *)column + near + far;                                                       \
                    b[x] = near + 4 * far;                                                                           \
                } else {                                                                                             \
                    type near = m1 - m2, far = m3 - m4;                                                              \
                    a[x] = near + 2 * far;                                                                           \
                    b[x] = near + 8 * far + *(const type *)(column + 5 * line);                                      \
                }                                                                                                    \
            }                                                                                                        \
            type *row_a = out + pair * winograd_tile, *row_b = out + (pair + 2) * winograd_tile;                     \
            OUTPUT_TRANSFORM(type, a, row_a);                                                                        \
            OUTPUT_TRANSFORM(type, b, row_b);                                                                        \
        }                                                                                                            \
    }
DEFINE_OUTPUT_TILE(output_tile_lanes, lanes)
DEFINE_OUTPUT_TILE(output_tile1, float)

static void winograd_output(
    const float *products, ptrdiff_t plane, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    ptrdiff_t first, ptrdiff_t count, const ck_epilogue *epilogue, float *output) {
    tile_grid grid = make_grid(pictures, height, width, channels);
    const float *bias = epilogue->bias, *residual = epilogue->residual;
    int relu = epilogue->relu;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t tile = first + i;
        tile_window window = place_window(
            &grid, tile / grid.across * winograd_tile, tile % grid.across * winograd_tile, winograd_tile);
        ptrdiff_t places[winograd_tile * winograd_tile];
        for (int y = 0; y < winograd_tile; y++)
            for (int x = 0; x < winograd_tile; x++)
                places[y * winograd_tile + x] = place_pixel(&grid, &window, y, x);
        const float *source = products + i * channels;
        ptrdiff_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            lanes values[winograd_tile * winograd_tile];
            output_tile_lanes(source + c, plane, values);
            lanes b = bias ? *(const lanes *)(bias + c) : (lanes){};
            float *out = output + c;
            // Nearly all tiles are like this.
            if (window.is_whole && relu && !residual) {
                UNROLL for (int k = 0; k < winograd_tile * winograd_tile; k++)
                    *(lanes *)(out + places[k]) = __builtin_elementwise_max(values[k] + b, (lanes){});
                continue;
            }
            for (int k = 0; k < winograd_tile * winograd_tile; k++) {
                if (places[k] < 0) continue;
                lanes value = values[k] + b;
                if (residual) value += *(const lanes *)(residual + places[k] + c);
                if (relu) value = __builtin_elementwise_max(value, (lanes){});
                *(lanes *)(out + places[k]) = value;
            }
        }
        for (; c < channels; c++) {
            float values[winograd_tile * winograd_tile];
            output_tile1(source + c, plane, values);
            for (int k = 0; k < winograd_tile * winograd_tile; k++) {
                if (places[k] < 0) continue;
                float value = values[k];
                if (bias) value += bias[c];
                if (residual) value += residual[places[k] + c];
                output[places[k] + c] = relu && !(value > 0) ? 0 : value;
            }
        }
    }
}
