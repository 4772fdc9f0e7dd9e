// Exponentials, and what is done to many boxes; plain loops that the compiler turns into vectors.

// e^x within about one unit in the last place, subnormal results included; not a number stays so.
INLINE float exponential(float x) {
#pragma clang fp contract(fast)
    // Beyond these the result is 0 or infinite.
    x = x > 89 ? 89 : x;
    x = x < -104.5f ? -104.5f : x;
    // Adding 1.5 * 2^23 leaves x / ln 2, rounded, in the sum's lowest bits.
    float sum = x * 1.44269504f + 12582912.0f;
    float whole = sum - 12582912.0f;
    union {
        float value;
        int32_t bits;
    } rounded = {sum}, low, high;
    // ln 2 in two parts, of which the first has few enough bits that its product is exact (Cody and Waite 1980).
    float r = x - whole * 0.693359375f;
    r = r + whole * 2.12194440e-4f;
    // (e^r - 1 - r) / r^2 with the least relative error of the whole on |r| <= ln 2 / 2: 3.1e-9.
    float q = 0.0013814539f;
    q = q * r + 0.008368745f;
    q = q * r + 0.04166839f;
    q = q * r + 0.16666521f;
    q = q * r + 0.49999994f;
    float power = q * (r * r) + r + 1;
    // 2^whole in two factors, since it may lie outside of what one can be.
    int32_t exponent = rounded.bits - 0x4b400000, half = exponent >> 1;
    low.bits = (int32_t)((uint32_t)(half + 127) << 23);
    high.bits = (int32_t)((uint32_t)(exponent - half + 127) << 23);
    return power * low.value * high.value;
}

static void sigmoid(float *values, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) values[i] = 1 / (1 + exponential(-values[i]));
}

static void softmax(const float *restrict logits, ptrdiff_t rows, ptrdiff_t columns, float *restrict out) {
    for (ptrdiff_t row = 0; row < rows; row++, logits += columns, out += columns) {
        float most = logits[0], sum = 0;
        for (ptrdiff_t i = 1; i < columns; i++) most = logits[i] > most ? logits[i] : most;
        for (ptrdiff_t i = 0; i < columns; i++) out[i] = exponential(logits[i] - most);
        for (ptrdiff_t i = 0; i < columns; i++) sum += out[i];
        for (ptrdiff_t i = 0; i < columns; i++) out[i] /= sum;
    }
}

// Cut to 0...limit; not a number stays so.
INLINE float clipped(float value, float limit) {
    value = value <= 0 ? 0 : value;
    return value > limit ? limit : value;
}

static void decode_boxes(
    const float *restrict deltas, const float *restrict references, ptrdiff_t count, const ck_box_coder *coder,
    float *restrict boxes) {
// PyTorch rounds every step.
#pragma clang fp contract(off)
    float center_weight = coder->center_weight, size_weight = coder->size_weight, growth = coder->greatest_growth;
    float limit_x = coder->width, limit_y = coder->height;
    for (ptrdiff_t i = 0; i < count; i++) {
        const float *d = deltas + 4 * i, *box = references + 4 * i;
        float width = box[2] - box[0], height = box[3] - box[1];
        float x = d[0] / center_weight * width + (box[0] + 0.5f * width);
        float y = d[1] / center_weight * height + (box[1] + 0.5f * height);
        float dw = d[2] / size_weight, dh = d[3] / size_weight;
        float half_width = 0.5f * (exponential(dw > growth ? growth : dw) * width);
        float half_height = 0.5f * (exponential(dh > growth ? growth : dh) * height);
        float *out = boxes + 4 * i;
        out[0] = clipped(x - half_width, limit_x);
        out[1] = clipped(y - half_height, limit_y);
        out[2] = clipped(x + half_width, limit_x);
        out[3] = clipped(y + half_height, limit_y);
    }
}

INLINE int exceeds(const ck_box_columns *boxes, ptrdiff_t i, const float *box, float area, float limit) {
// PyTorch rounds every step.
#pragma clang fp contract(off)
    float left = boxes->x0[i] > box[0] ? boxes->x0[i] : box[0], right = boxes->x1[i] < box[2] ? boxes->x1[i] : box[2];
    float top = boxes->y0[i] > box[1] ? boxes->y0[i] : box[1], bottom = boxes->y1[i] < box[3] ? boxes->y1[i] : box[3];
    float width = right - left, height = bottom - top;
    width = width > 0 ? width : 0;
    height = height > 0 ? height : 0;
    float both = width * height;
    return both / (boxes->area[i] + area - both) > limit;
}

static int overlaps_any(const ck_box_columns *boxes, ptrdiff_t count, const float *box, float area, float limit) {
    ptrdiff_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
        int found = 0;
        for (ptrdiff_t j = 0; j < 2 * LANES; j++) found |= exceeds(boxes, i + j, box, area, limit);
        if (found) return 1;
    }
    for (; i < count; i++)
        if (exceeds(boxes, i, box, area, limit)) return 1;
    return 0;
}
