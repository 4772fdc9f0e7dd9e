// Pooling, upsampling and RoIAlign; the loops over channels are left to the compiler.

static void max_pool(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width, ptrdiff_t first,
    ptrdiff_t count, float *output) {
    for (ptrdiff_t y = first; y < first + count; y++) {
        for (ptrdiff_t x = 0; x < output_width; x++) {
            float *restrict out = output + (y * output_width + x) * channels;
            const float *window[9];
            ptrdiff_t used = 0, c = 0;
            for (ptrdiff_t v = 2 * y - 1; v <= 2 * y + 1; v++)
                for (ptrdiff_t u = 2 * x - 1; u <= 2 * x + 1; u++)
                    if (v >= 0 && v < height && u >= 0 && u < width)
                        window[used++] = input + (v * width + u) * channels;
            for (; c + LANES <= channels; c += LANES) {
                lanes most = *(const lanes *)(window[0] + c);
                for (ptrdiff_t i = 1; i < used; i++)
                    most = __builtin_elementwise_max(most, *(const lanes *)(window[i] + c));
                *(lanes *)(out + c) = most;
            }
            for (; c < channels; c++) {
                float most = window[0][c];
                for (ptrdiff_t i = 1; i < used; i++) most = __builtin_elementwise_max(most, window[i][c]);
                out[c] = most;
            }
        }
    }
}

static void max_pool_2x2(
    const float *input, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count,
    float *output) {
    for (ptrdiff_t y = first; y < first + count; y++) {
        for (ptrdiff_t x = 0; x < output_width; x++) {
            const float *upper = input + (2 * y * width + 2 * x) * channels, *lower = upper + width * channels;
            float *restrict out = output + (y * output_width + x) * channels;
            ptrdiff_t c = 0;
            for (; c + LANES <= channels; c += LANES) {
                lanes a = __builtin_elementwise_max(
                    *(const lanes *)(upper + c), *(const lanes *)(upper + channels + c));
                lanes b = __builtin_elementwise_max(
                    *(const lanes *)(lower + c), *(const lanes *)(lower + channels + c));
                *(lanes *)(out + c) = __builtin_elementwise_max(a, b);
            }
            for (; c < channels; c++) {
                float a = __builtin_elementwise_max(upper[c], upper[channels + c]);
                float b = __builtin_elementwise_max(lower[c], lower[channels + c]);
                out[c] = __builtin_elementwise_max(a, b);
            }
        }
    }
}

static void add_upsampled(
    const float *small, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_height,
    ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count, float *output) {
    // PyTorch computes the place of the nearest value in single precision.
    float scale_y = (float)height / (float)output_height, scale_x = (float)width / (float)output_width;
    for (ptrdiff_t y = first; y < first + count; y++) {
        ptrdiff_t v = (ptrdiff_t)floorf((float)y * scale_y);
        if (v > height - 1) v = height - 1;
        for (ptrdiff_t x = 0; x < output_width; x++) {
            ptrdiff_t u = (ptrdiff_t)floorf((float)x * scale_x);
            if (u > width - 1) u = width - 1;
            const float *in = small + (v * width + u) * channels;
            float *restrict out = output + (y * output_width + x) * channels;
            for (ptrdiff_t c = 0; c < channels; c++) out[c] += in[c];
        }
    }
}

// What of one axis a bin is made of: neighbouring places with the weights that its samples give them, each place once.
enum { most_places = 2 * ck_most_samples };
typedef struct {
    ptrdiff_t count;
    ptrdiff_t places[most_places];
    float weights[most_places];
} axis_bin;

INLINE void add_place(axis_bin *bin, ptrdiff_t place, float weight) {
    // Samples go upwards, so that only the last two can be the same place.
    for (ptrdiff_t i = bin->count - 1; i >= 0 && i >= bin->count - 2; i--) {
        if (bin->places[i] == place) {
            bin->weights[i] += weight;
            return;
        }
    }
    bin->places[bin->count] = place;
    bin->weights[bin->count++] = weight;
}

// The bins of one axis of a region; a sample beyond the map counts nothing. Weights are multiplied by `share`.
static void place_bins(
    float low, float high, ptrdiff_t size, ptrdiff_t samples, ptrdiff_t length, float share, axis_bin *bins) {
    float side = high - low;
    if (side < 1) side = 1;
    float step = side / (float)size;
    for (ptrdiff_t b = 0; b < size; b++) {
        bins[b].count = 0;
        for (ptrdiff_t s = 0; s < samples; s++) {
            float position = low + (float)b * step + ((float)s + 0.5f) * step / (float)samples;
            if (!(position >= -1.0f && position <= (float)length)) continue;
            if (position < 0) position = 0;
            ptrdiff_t place = (ptrdiff_t)position;
            if (place >= length - 1) {
                add_place(&bins[b], length - 1, share);
            } else {
                float weight = position - (float)place;
                add_place(&bins[b], place, (1 - weight) * share);
                add_place(&bins[b], place + 1, weight * share);
            }
        }
    }
}

static void roi_align(
    const float *map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1, float y1,
    ptrdiff_t size, ptrdiff_t samples, float *out) {
    axis_bin across[ck_most_bins], down[ck_most_bins];
    // The mean over the samples is a product of means over the axes.
    place_bins(x0, x1, size, samples, width, 1.0f / (float)samples, across);
    place_bins(y0, y1, size, samples, height, 1.0f / (float)samples, down);
    for (ptrdiff_t by = 0; by < size; by++) {
        for (ptrdiff_t bx = 0; bx < size; bx++, out += channels) {
            const float *pixels[most_places * most_places];
            float weights[most_places * most_places];
            ptrdiff_t count = 0, c = 0;
            for (ptrdiff_t i = 0; i < down[by].count; i++) {
                const float *row = map + down[by].places[i] * width * channels;
                for (ptrdiff_t j = 0; j < across[bx].count; j++, count++) {
                    pixels[count] = row + across[bx].places[j] * channels;
                    weights[count] = down[by].weights[i] * across[bx].weights[j];
                }
            }
            for (; c + 2 * LANES <= channels; c += 2 * LANES) {
                lanes a = {0}, b = {0};
                for (ptrdiff_t i = 0; i < count; i++) {
                    a += weights[i] * *(const lanes *)(pixels[i] + c);
                    b += weights[i] * *(const lanes *)(pixels[i] + c + LANES);
                }
                *(lanes *)(out + c) = a;
                *(lanes *)(out + c + LANES) = b;
            }
            for (; c < channels; c++) {
                float sum = 0;
                for (ptrdiff_t i = 0; i < count; i++) sum += weights[i] * pixels[i][c];
                out[c] = sum;
            }
        }
    }
}

// Likewise with as many samples as it takes for one a pixel, sides of any length, and the places in memory of the caller's: `most` of them
// a bin. The number of each bin's places goes to `counts`.
static void place_adaptive_bins(
    float low, float high, ptrdiff_t size, ptrdiff_t length, ck_roi_place *places, ptrdiff_t most, ptrdiff_t *counts) {
    float step = (high - low) / (float)size;
    ptrdiff_t samples = ck_roi_samples(low, high, size);
    if (2 * samples > most) samples = most / 2;
    float share = 1 / (float)samples;
    for (ptrdiff_t b = 0; b < size; b++, places += most) {
        ptrdiff_t count = 0;
        for (ptrdiff_t s = 0; s < samples; s++) {
            float position = low + (float)b * step + ((float)s + 0.5f) * step / (float)samples;
            if (!(position >= -1.0f && position <= (float)length)) continue;
            if (position < 0) position = 0;
            ptrdiff_t place = (ptrdiff_t)position;
            float weight = position - (float)place;
            if (place >= length - 1) {
                place = length - 1;
                weight = 0;
            }
            for (ptrdiff_t i = 0; i < 2; i++) {
                float part = (i ? weight : 1 - weight) * share;
                if (part == 0) continue;
                // Samples go upwards, so that only the last two can be the same place.
                if (count > 0 && places[count - 1].place == place + i)
                    places[count - 1].weight += part;
                else if (count > 1 && places[count - 2].place == place + i)
                    places[count - 2].weight += part;
                else
                    places[count++] = (ck_roi_place){(int32_t)(place + i), part};
            }
        }
        counts[b] = count;
    }
}

static void roi_align_adaptive(
    const float *map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1, float y1,
    ptrdiff_t size, ck_roi_place *scratch, ptrdiff_t most, float *out) {
    ck_roi_place *across = scratch, *down = scratch + size * most;
    ptrdiff_t across_counts[ck_most_bins], down_counts[ck_most_bins];
    place_adaptive_bins(x0, x1, size, width, across, most, across_counts);
    place_adaptive_bins(y0, y1, size, height, down, most, down_counts);
    for (ptrdiff_t by = 0; by < size; by++) {
        const ck_roi_place *lines = down + by * most;
        for (ptrdiff_t bx = 0; bx < size; bx++, out += channels) {
            const ck_roi_place *columns = across + bx * most;
            ptrdiff_t c = 0;
            for (; c + 2 * LANES <= channels; c += 2 * LANES) {
                lanes a = {0}, b = {0};
                for (ptrdiff_t i = 0; i < down_counts[by]; i++) {
                    const float *row = map + (ptrdiff_t)lines[i].place * width * channels + c;
                    for (ptrdiff_t j = 0; j < across_counts[bx]; j++) {
                        const float *pixel = row + columns[j].place * channels;
                        float weight = lines[i].weight * columns[j].weight;
                        a += weight * *(const lanes *)pixel;
                        b += weight * *(const lanes *)(pixel + LANES);
                    }
                }
                *(lanes *)(out + c) = a;
                *(lanes *)(out + c + LANES) = b;
            }
            for (; c < channels; c++) {
                float sum = 0;
                for (ptrdiff_t i = 0; i < down_counts[by]; i++) {
                    const float *row = map + (ptrdiff_t)lines[i].place * width * channels + c;
                    for (ptrdiff_t j = 0; j < across_counts[bx]; j++)
                        sum += lines[i].weight * columns[j].weight * row[columns[j].place * channels];
                }
                out[c] = sum;
            }
        }
    }
}
