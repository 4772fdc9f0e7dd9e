// Pooling, upsampling and RoIAlign; the loops over channels are left to the compiler.

static void max_pool(
    const float *input, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t output_width, ptrdiff_t first,
    ptrdiff_t count, float *output) {
    for (ptrdiff_t y = first; y < first + count; y++) {
        for (ptrdiff_t x = 0; x < output_width; x++) {
            float *restrict out = output + (y * output_width + x) * channels;
            int begun = 0;
            for (ptrdiff_t v = 2 * y - 1; v <= 2 * y + 1; v++) {
                for (ptrdiff_t u = 2 * x - 1; u <= 2 * x + 1; u++) {
                    if (v < 0 || v >= height || u < 0 || u >= width) continue;
                    const float *in = input + (v * width + u) * channels;
                    if (!begun)
                        memcpy(out, in, (size_t)channels * sizeof(float));
                    else
                        for (ptrdiff_t c = 0; c < channels; c++) out[c] = __builtin_elementwise_max(out[c], in[c]);
                    begun = 1;
                }
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

// Where a sample lies on one axis: two neighbours and their weights; none where it is beyond the map.
typedef struct {
    ptrdiff_t low, high;
    float low_weight, high_weight;
    int inside;
} sample_place;

INLINE sample_place place_sample(float position, ptrdiff_t length) {
    sample_place place = {0, 0, 0, 0, position >= -1.0f && position <= (float)length};
    if (!place.inside) return place;
    if (position < 0) position = 0;
    place.low = (ptrdiff_t)position;
    if (place.low >= length - 1) {
        place.low = place.high = length - 1;
        position = (float)place.low;
    } else {
        place.high = place.low + 1;
    }
    place.high_weight = position - (float)place.low;
    place.low_weight = 1 - place.high_weight;
    return place;
}

static void roi_align(
    const float *map, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, float x0, float y0, float x1, float y1,
    ptrdiff_t size, ptrdiff_t samples, float *out) {
    float roi_width = x1 - x0, roi_height = y1 - y0;
    if (roi_width < 1) roi_width = 1;
    if (roi_height < 1) roi_height = 1;
    float bin_width = roi_width / (float)size, bin_height = roi_height / (float)size;
    float share = 1.0f / (float)(samples * samples);
    for (ptrdiff_t by = 0; by < size; by++) {
        for (ptrdiff_t bx = 0; bx < size; bx++, out += channels) {
            memset(out, 0, (size_t)channels * sizeof(float));
            float *restrict bin = out;
            for (ptrdiff_t sy = 0; sy < samples; sy++) {
                sample_place py = place_sample(
                    y0 + (float)by * bin_height + ((float)sy + 0.5f) * bin_height / (float)samples, height);
                for (ptrdiff_t sx = 0; sx < samples; sx++) {
                    sample_place px = place_sample(
                        x0 + (float)bx * bin_width + ((float)sx + 0.5f) * bin_width / (float)samples, width);
                    if (!py.inside || !px.inside) continue;
                    const float *a = map + (py.low * width + px.low) * channels;
                    const float *b = map + (py.low * width + px.high) * channels;
                    const float *c = map + (py.high * width + px.low) * channels;
                    const float *d = map + (py.high * width + px.high) * channels;
                    float wa = py.low_weight * px.low_weight, wb = py.low_weight * px.high_weight;
                    float wc = py.high_weight * px.low_weight, wd = py.high_weight * px.high_weight;
                    for (ptrdiff_t k = 0; k < channels; k++)
                        bin[k] += wa * a[k] + wb * b[k] + wc * c[k] + wd * d[k];
                }
            }
            for (ptrdiff_t k = 0; k < channels; k++) bin[k] *= share;
        }
    }
}
