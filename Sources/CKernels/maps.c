#include <math.h>
#include <string.h>

#include "CKernels.h"
#include "clones.h"

CLONED void ck_apply_epilogue(
    float *out, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const ck_epilogue *epilogue) {
    const float *bias = epilogue->bias, *residual = epilogue->residual;
    int relu = epilogue->relu;
    if (!bias && !residual && !relu) return;
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *row = out + r * stride;
        const float *other = residual ? residual + r * stride : NULL;
        for (ptrdiff_t c = 0; c < columns; c++) {
            float value = row[c];
            if (bias) value += bias[c];
            if (other) value += other[c];
            if (relu) value = __builtin_elementwise_max(value, 0.0f);
            row[c] = value;
        }
    }
}

void ck_unfold(
    const ck_window *w, ptrdiff_t first, ptrdiff_t count, ptrdiff_t offset, ptrdiff_t group_channels, float *rows) {
    ptrdiff_t kernel = w->kernel, channels = w->channels;
    size_t pixel = (size_t)group_channels * sizeof(float);
    int whole = group_channels == channels;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t top = (first + i) / w->output_width * w->stride - w->padding;
        ptrdiff_t left = (first + i) % w->output_width * w->stride - w->padding;
        for (ptrdiff_t ky = 0; ky < kernel; ky++, rows += kernel * group_channels) {
            ptrdiff_t y = top + ky;
            if (y < 0 || y >= w->height) {
                memset(rows, 0, (size_t)kernel * pixel);
                continue;
            }
            const float *line = w->input + y * w->width * channels + offset;
            if (whole && left >= 0 && left + kernel <= w->width) {
                memcpy(rows, line + left * channels, (size_t)kernel * pixel);
                continue;
            }
            for (ptrdiff_t kx = 0; kx < kernel; kx++) {
                ptrdiff_t x = left + kx;
                if (x < 0 || x >= w->width)
                    memset(rows + kx * group_channels, 0, pixel);
                else
                    memcpy(rows + kx * group_channels, line + x * channels, pixel);
            }
        }
    }
}

CLONED void ck_max_pool(
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

CLONED void ck_add_upsampled(
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

CLONED void ck_roi_align(
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

// The two neighbours of an output place and the second's weight, as PyTorch's upsample_bilinear2d computes them.
INLINE void resize_place(
    ptrdiff_t i, float scale, ptrdiff_t length, ptrdiff_t *low, ptrdiff_t *high, float *high_weight) {
    float source = scale * ((float)i + 0.5f) - 0.5f;
    if (source < 0) source = 0;
    *low = (ptrdiff_t)source;
    if (*low > length - 1) *low = length - 1;
    *high = *low + (*low < length - 1 ? 1 : 0);
    *high_weight = source - (float)*low;
    if (*high_weight > 1) *high_weight = 1;
}

void ck_resize_normalized(
    const uint8_t *pixels, ptrdiff_t height, ptrdiff_t width, const float *table, ptrdiff_t output_height,
    ptrdiff_t output_width, ptrdiff_t first, ptrdiff_t count, ptrdiff_t output_stride, float *output) {
    float scale_y = (float)height / (float)output_height, scale_x = (float)width / (float)output_width;
    for (ptrdiff_t y = first; y < first + count; y++) {
        ptrdiff_t top, bottom;
        float v;
        resize_place(y, scale_y, height, &top, &bottom, &v);
        const uint8_t *upper = pixels + top * width * 3, *lower = pixels + bottom * width * 3;
        float *out = output + y * output_stride;
        for (ptrdiff_t x = 0; x < output_width; x++, out += 3) {
            ptrdiff_t left, right;
            float u;
            resize_place(x, scale_x, width, &left, &right, &u);
            for (int c = 0; c < 3; c++) {
                const float *value = table + 256 * c;
                float above = (1 - u) * value[upper[3 * left + c]] + u * value[upper[3 * right + c]];
                float below = (1 - u) * value[lower[3 * left + c]] + u * value[lower[3 * right + c]];
                out[c] = (1 - v) * above + v * below;
            }
        }
    }
}
