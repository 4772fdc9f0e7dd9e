// What training needs beside the operators themselves: the transposes of their linear maps, and the step of the weights.
// The loops over channels are left to the compiler where it does them well.

// Packs the inner places of `used` columns of a row-major matrix, as `pack_rows` packs those of rows: into [length, TILE_ROWS].
INLINE void pack_columns(const float *a, ptrdiff_t stride, ptrdiff_t used, ptrdiff_t length, float *out) {
    if (used == TILE_ROWS) {
        for (ptrdiff_t k = 0; k < length; k++) memcpy(out + k * TILE_ROWS, a + k * stride, TILE_ROWS * sizeof(float));
        return;
    }
    for (ptrdiff_t k = 0; k < length; k++)
        for (ptrdiff_t i = 0; i < TILE_ROWS; i++) out[k * TILE_ROWS + i] = i < used ? a[k * stride + i] : 0;
}

// Packs the columns of a row-major matrix into panels [length, panel_width].
INLINE void pack_panels(const float *b, ptrdiff_t stride, ptrdiff_t columns, ptrdiff_t length, float *out) {
    for (ptrdiff_t x = 0; x < columns; x += panel_width, out += length * panel_width) {
        ptrdiff_t used = columns - x < panel_width ? columns - x : panel_width;
        for (ptrdiff_t k = 0; k < length; k++) {
            float *target = out + k * panel_width;
            if (used == panel_width) {
                memcpy(target, b + k * stride + x, panel_width * sizeof(float));
                continue;
            }
            memcpy(target, b + k * stride + x, (size_t)used * sizeof(float));
            memset(target + used, 0, (size_t)(panel_width - used) * sizeof(float));
        }
    }
}

static void add_transposed_product(
    const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, ptrdiff_t inner, ptrdiff_t rows,
    ptrdiff_t columns, float *c, ptrdiff_t c_stride, float *scratch) {
    ptrdiff_t depth = inner_part(inner);
    float *panels = scratch + (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS * ck_inner_block;
    // What is there already is added as products add what passes by a layer.
    ck_epilogue sum = {.residual = c};
    ahead nothing = {.next = NULL};
    for (ptrdiff_t start = 0; start < inner; start += depth) {
        ptrdiff_t length = inner - start < depth ? inner - start : depth;
        pack_panels(b + start * b_stride, b_stride, columns, length, panels);
        for (ptrdiff_t r = 0; r < rows; r += TILE_ROWS)
            pack_columns(
                a + start * a_stride + r, a_stride, rows - r < TILE_ROWS ? rows - r : TILE_ROWS, length,
                scratch + r * length);
        multiply_block(
            scratch, TILE_ROWS * length, rows, columns, length, 0, length, panels, c, c_stride, 0, &sum, &nothing);
    }
}

// One dimension of the transposed output transform: A of Lavin and Gray, from four pixels to six points.
#define OUTPUT_GRADIENT(type, d, m)                                      \
    do {                                                                 \
        type near_even = d[0] + d[2], near_odd = d[1] + d[3];            \
        type far_even = d[0] + 4 * d[2], far_odd = 2 * d[1] + 8 * d[3];  \
        m[0] = d[0];                                                     \
        m[1] = near_even + near_odd;                                     \
        m[2] = near_even - near_odd;                                     \
        m[3] = far_even + far_odd;                                       \
        m[4] = far_even - far_odd;                                       \
        m[5] = d[3];                                                     \
    } while (0)

#define DEFINE_GRADIENT_TILE(name, type)                                                                             \
    INLINE void name(const float *input, const ptrdiff_t *places, float *out, ptrdiff_t plane) {                     \
        type half[winograd_window][winograd_tile];                                                                   \
        UNROLL for (int x = 0; x < winograd_tile; x++) {                                                             \
            type d[winograd_tile], m[winograd_window];                                                               \
            UNROLL for (int y = 0; y < winograd_tile; y++) {                                                         \
                ptrdiff_t place = places[y * winograd_tile + x];                                                     \
                d[y] = place < 0 ? (type){0} : *(const type *)(input + place);                                       \
            }                                                                                                        \
            OUTPUT_GRADIENT(type, d, m);                                                                             \
            UNROLL for (int u = 0; u < winograd_window; u++) half[u][x] = m[u];                                      \
        }                                                                                                            \
        UNROLL for (int u = 0; u < winograd_window; u++) {                                                           \
            type m[winograd_window];                                                                                 \
            OUTPUT_GRADIENT(type, half[u], m);                                                                       \
            UNROLL for (int v = 0; v < winograd_window; v++) *(type *)(out + (u * winograd_window + v) * plane) = m[v]; \
        }                                                                                                            \
    }
DEFINE_GRADIENT_TILE(gradient_tile_lanes, lanes)
DEFINE_GRADIENT_TILE(gradient_tile1, float)

static void winograd_gradient(
    const float *gradient, ptrdiff_t pictures, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t first,
    ptrdiff_t count, float *out, ptrdiff_t plane) {
    tile_grid grid = make_grid(pictures, height, width, channels);
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t tile = first + i;
        tile_window window = place_window(
            &grid, tile / grid.across * winograd_tile, tile % grid.across * winograd_tile, winograd_tile);
        ptrdiff_t places[winograd_tile * winograd_tile];
        for (int y = 0; y < winograd_tile; y++)
            for (int x = 0; x < winograd_tile; x++)
                places[y * winograd_tile + x] = place_pixel(&grid, &window, y, x);
        ptrdiff_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            gradient_tile_lanes(gradient + c, places, out + i * channels + c, plane);
        for (; c < channels; c++) gradient_tile1(gradient + c, places, out + i * channels + c, plane);
    }
}

// One dimension of the filter transform: G of the paper. In double precision, so that the weights are as near as floats come.
static const double winograd_g[winograd_window][3] = {
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
};

// Filters are transformed so many at a time.
enum { filters_at_once = LANES };

static void winograd_filter(
    const float *filters, ptrdiff_t filter_plane, ptrdiff_t count, float *out, ptrdiff_t plane) {
    for (ptrdiff_t i = 0; i < count; i += filters_at_once) {
        ptrdiff_t used = count - i < filters_at_once ? count - i : filters_at_once;
        double half[winograd_window][3][filters_at_once] = {};
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++) {
                double values[filters_at_once] = {};
                const float *source = filters + (y * 3 + x) * filter_plane + i;
                for (ptrdiff_t k = 0; k < used; k++) values[k] = source[k];
                for (int u = 0; u < winograd_window; u++)
                    for (int k = 0; k < filters_at_once; k++) half[u][x][k] += winograd_g[u][y] * values[k];
            }
        for (int u = 0; u < winograd_window; u++)
            for (int v = 0; v < winograd_window; v++) {
                double sums[filters_at_once];
                for (int k = 0; k < filters_at_once; k++)
                    sums[k] = winograd_g[v][0] * half[u][0][k] + winograd_g[v][1] * half[u][1][k]
                        + winograd_g[v][2] * half[u][2][k];
                float *target = out + (u * winograd_window + v) * plane + i;
                for (ptrdiff_t k = 0; k < used; k++) target[k] = (float)sums[k];
            }
    }
}

static void winograd_filter_gradient(
    const float *points, ptrdiff_t plane, ptrdiff_t count, float *filters, ptrdiff_t filter_plane) {
    for (ptrdiff_t i = 0; i < count; i += filters_at_once) {
        ptrdiff_t used = count - i < filters_at_once ? count - i : filters_at_once;
        float half[3][winograd_window][filters_at_once] = {};
        for (int u = 0; u < winograd_window; u++)
            for (int v = 0; v < winograd_window; v++) {
                float values[filters_at_once] = {};
                const float *source = points + (u * winograd_window + v) * plane + i;
                for (ptrdiff_t k = 0; k < used; k++) values[k] = source[k];
                for (int y = 0; y < 3; y++)
                    for (int k = 0; k < filters_at_once; k++) half[y][v][k] += (float)winograd_g[u][y] * values[k];
            }
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++) {
                float sums[filters_at_once] = {};
                for (int v = 0; v < winograd_window; v++)
                    for (int k = 0; k < filters_at_once; k++) sums[k] += (float)winograd_g[v][x] * half[y][v][k];
                float *target = filters + (y * 3 + x) * filter_plane + i;
                for (ptrdiff_t k = 0; k < used; k++) target[k] += sums[k];
            }
    }
}

// All bits of a lane are set where a comparison holds.
typedef int32_t lane_bits __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static void activation_gradient(
    const float *gradient, const float *output, const float *scale, ptrdiff_t rows, ptrdiff_t columns,
    float *masked, float *scaled) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t place = r * columns, c = 0;
        for (; c + LANES <= columns; c += LANES) {
            lanes value = *(const lanes *)(gradient + place + c);
            if (output) {
                lane_bits kept = *(const lanes *)(output + place + c) > (lanes){};
                value = (lanes)((lane_bits)value & kept);
            }
            if (masked) *(lanes *)(masked + place + c) = value;
            if (scaled) *(lanes *)(scaled + place + c) = scale ? value * *(const lanes *)(scale + c) : value;
        }
        for (; c < columns; c++) {
            float value = output && !(output[place + c] > 0) ? 0 : gradient[place + c];
            if (masked) masked[place + c] = value;
            if (scaled) scaled[place + c] = scale ? value * scale[c] : value;
        }
    }
}

// Columns are gone through a vector at a time, so that what belongs to them stays in registers; the rows of one call are few enough
// to stay near.

static void add_column_sums(const float *values, ptrdiff_t rows, ptrdiff_t columns, float *sums) {
    ptrdiff_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
        lanes sum = *(const lanes *)(sums + c);
        for (ptrdiff_t r = 0; r < rows; r++) sum += *(const lanes *)(values + r * columns + c);
        *(lanes *)(sums + c) = sum;
    }
    for (; c < columns; c++)
        for (ptrdiff_t r = 0; r < rows; r++) sums[c] += values[r * columns + c];
}

static void add_centered_products(
    const float *a, const float *b, const float *means, ptrdiff_t rows, ptrdiff_t columns, float *sums) {
    ptrdiff_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
        lanes sum = *(const lanes *)(sums + c), mean = *(const lanes *)(means + c);
        for (ptrdiff_t r = 0; r < rows; r++) {
            lanes centered = *(const lanes *)(b + r * columns + c) - mean;
            sum += (a ? *(const lanes *)(a + r * columns + c) : centered) * centered;
        }
        *(lanes *)(sums + c) = sum;
    }
    for (; c < columns; c++)
        for (ptrdiff_t r = 0; r < rows; r++) {
            float centered = b[r * columns + c] - means[c];
            sums[c] += (a ? a[r * columns + c] : centered) * centered;
        }
}

static void combine_columns(const ck_combination *terms, ptrdiff_t rows, ptrdiff_t columns, float *out) {
    ck_combination t = *terms;
    ptrdiff_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
        lanes a_factor = *(const lanes *)(t.a_factors + c), shift = *(const lanes *)(t.shifts + c);
        lanes b_factor = t.b ? *(const lanes *)(t.b_factors + c) : (lanes){};
        for (ptrdiff_t r = 0; r < rows; r++) {
            ptrdiff_t place = r * columns + c;
            lanes value = *(const lanes *)(t.a + place) * a_factor + shift;
            if (t.b) value += *(const lanes *)(t.b + place) * b_factor;
            if (t.residual) value += *(const lanes *)(t.residual + place);
            if (t.relu) value = __builtin_elementwise_max(value, (lanes){});
            *(lanes *)(out + place) = value;
        }
    }
    for (; c < columns; c++)
        for (ptrdiff_t r = 0; r < rows; r++) {
            ptrdiff_t place = r * columns + c;
            float value = t.a[place] * t.a_factors[c] + t.shifts[c];
            if (t.b) value += t.b[place] * t.b_factors[c];
            if (t.residual) value += t.residual[place];
            out[place] = t.relu && !(value > 0) ? 0 : value;
        }
}

static void add_values(const float *restrict values, ptrdiff_t count, float factor, float *restrict sums) {
    for (ptrdiff_t i = 0; i < count; i++) sums[i] += factor * values[i];
}

static void transpose(
    const float *restrict in, ptrdiff_t rows, ptrdiff_t columns, float *restrict out, ptrdiff_t stride) {
    // Blocks of which both sides stay in the first cache.
    enum { block = 16 };
    for (ptrdiff_t y = 0; y < rows; y += block)
        for (ptrdiff_t x = 0; x < columns; x += block) {
            ptrdiff_t height = rows - y < block ? rows - y : block, width = columns - x < block ? columns - x : block;
            for (ptrdiff_t i = 0; i < width; i++)
                for (ptrdiff_t j = 0; j < height; j++) out[(x + i) * stride + y + j] = in[(y + j) * columns + x + i];
        }
}

static void max_pool_gradient(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, const float *gradient,
    ptrdiff_t output_height, ptrdiff_t output_width, ptrdiff_t kernel, ptrdiff_t padding, ptrdiff_t first,
    ptrdiff_t count, float *out) {
    for (ptrdiff_t y = 0; y < output_height; y++) {
        for (ptrdiff_t x = 0; x < output_width; x++) {
            ptrdiff_t top = 2 * y - padding, left = 2 * x - padding;
            ptrdiff_t bottom = top + kernel < height ? top + kernel : height;
            ptrdiff_t right = left + kernel < width ? left + kernel : width;
            if (top < 0) top = 0;
            if (left < 0) left = 0;
            ptrdiff_t corner = (top * width + left) * channels, c = first;
            const float *from = gradient + (y * output_width + x) * channels;
            for (; c + LANES <= first + count; c += LANES) {
                lanes most = *(const lanes *)(input + corner + c);
                for (ptrdiff_t v = top; v < bottom; v++)
                    for (ptrdiff_t u = left; u < right; u++)
                        most = __builtin_elementwise_max(most, *(const lanes *)(input + (v * width + u) * channels + c));
                // What is still to be given away: to the first of equal ones, as PyTorch has it.
                lane_bits rest = (lane_bits)(*(const lanes *)(from + c));
                for (ptrdiff_t v = top; v < bottom; v++)
                    for (ptrdiff_t u = left; u < right; u++) {
                        ptrdiff_t place = (v * width + u) * channels + c;
                        lane_bits found = *(const lanes *)(input + place) == most;
                        *(lanes *)(out + place) += (lanes)(rest & found);
                        rest &= ~found;
                    }
            }
            for (; c < first + count; c++) {
                ptrdiff_t best = corner + c;
                for (ptrdiff_t v = top; v < bottom; v++)
                    for (ptrdiff_t u = left; u < right; u++) {
                        ptrdiff_t place = (v * width + u) * channels + c;
                        if (input[place] > input[best]) best = place;
                    }
                out[best] += from[c];
            }
        }
    }
}

static void add_upsampled_gradient(
    const float *gradient, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t small_height,
    ptrdiff_t small_width, ptrdiff_t first, ptrdiff_t count, float *out) {
    float scale_y = (float)small_height / (float)height, scale_x = (float)small_width / (float)width;
    for (ptrdiff_t y = 0; y < height; y++) {
        ptrdiff_t v = (ptrdiff_t)floorf((float)y * scale_y);
        if (v > small_height - 1) v = small_height - 1;
        if (v < first || v >= first + count) continue;
        for (ptrdiff_t x = 0; x < width; x++) {
            ptrdiff_t u = (ptrdiff_t)floorf((float)x * scale_x);
            if (u > small_width - 1) u = small_width - 1;
            const float *restrict in = gradient + (y * width + x) * channels;
            float *restrict target = out + (v * small_width + u) * channels;
            for (ptrdiff_t c = 0; c < channels; c++) target[c] += in[c];
        }
    }
}

static void roi_align_gradient(
    const float *gradient, ptrdiff_t size, ptrdiff_t samples, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels,
    float x0, float y0, float x1, float y1, ptrdiff_t first, ptrdiff_t count, float *map) {
    axis_bin across[ck_most_bins], down[ck_most_bins];
    place_bins(x0, x1, size, samples, width, 1.0f / (float)samples, across);
    place_bins(y0, y1, size, samples, height, 1.0f / (float)samples, down);
    for (ptrdiff_t by = 0; by < size; by++) {
        for (ptrdiff_t bx = 0; bx < size; bx++, gradient += channels) {
            for (ptrdiff_t i = 0; i < down[by].count; i++) {
                float *row = map + down[by].places[i] * width * channels;
                for (ptrdiff_t j = 0; j < across[bx].count; j++) {
                    float *restrict target = row + across[bx].places[j] * channels;
                    float weight = down[by].weights[i] * across[bx].weights[j];
                    for (ptrdiff_t c = first; c < first + count; c++) target[c] += weight * gradient[c];
                }
            }
        }
    }
}

static void momentum_step(
    float *restrict values, float *restrict gradient, float *restrict velocity, ptrdiff_t count,
    const ck_momentum *step) {
    float rate = step->rate, momentum = step->momentum, decay = step->decay, factor = step->factor;
    for (ptrdiff_t i = 0; i < count; i++) {
        float change = factor * gradient[i] + decay * values[i];
        gradient[i] = 0;
        velocity[i] = momentum * velocity[i] + change;
        values[i] -= rate * velocity[i];
    }
}

static double sum_of_squares(const float *values, ptrdiff_t count) {
    double total = 0;
    for (ptrdiff_t i = 0; i < count; i += 1024) {
        ptrdiff_t length = count - i < 1024 ? count - i : 1024, k = 0;
        lanes sums = {};
        for (; k + LANES <= length; k += LANES) {
            lanes v = *(const lanes *)(values + i + k);
            sums += v * v;
        }
        for (int lane = 0; lane < LANES; lane++) total += (double)sums[lane];
        for (; k < length; k++) total += (double)values[i + k] * (double)values[i + k];
    }
    return total;
}
