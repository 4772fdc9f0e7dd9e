// FFmpeg's macros, which Swift cannot import, as inline functions; and what has changed between its versions 5 and 7.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/buffer.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

static inline int64_t segmentd_no_pts(void) { return AV_NOPTS_VALUE; }
static inline int segmentd_error_eof(void) { return AVERROR_EOF; }
static inline int segmentd_error_again(void) { return AVERROR(EAGAIN); }
static inline int segmentd_error_exit(void) { return AVERROR_EXIT; }
static inline int segmentd_error_invalid_data(void) { return AVERROR_INVALIDDATA; }
static inline int segmentd_error_no_memory(void) { return AVERROR(ENOMEM); }

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

/// A frame's duration in its time base, 0 where unknown.
static inline int64_t segmentd_frame_duration(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    return frame->duration;
#else
    return frame->pkt_duration;
#endif
}

/// The 3x3 display matrix that the container gives a stream, or NULL.
static inline const int32_t *segmentd_stream_display_matrix(const AVStream *stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
    const AVPacketSideData *data = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return data && data->size >= 9 * sizeof(int32_t) ? (const int32_t *)data->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data && size >= 9 * sizeof(int32_t) ? (const int32_t *)data : NULL;
#endif
}

/// The 3x3 display matrix that a frame carries itself, or NULL.
static inline const int32_t *segmentd_frame_display_matrix(const AVFrame *frame) {
    const AVFrameSideData *data = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    return data && data->size >= 9 * sizeof(int32_t) ? (const int32_t *)data->data : NULL;
}

/// The pixel formats that an encoder takes, ended by AV_PIX_FMT_NONE, or NULL where it does not say.
static inline const enum AVPixelFormat *segmentd_encoder_formats(const AVCodec *codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
    const void *formats = NULL;
    int count = 0;
    avcodec_get_supported_config(NULL, codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &formats, &count);
    return (const enum AVPixelFormat *)formats;
#else
    return codec->pix_fmts;
#endif
}

#pragma clang diagnostic pop

/// Converts a whole frame; the target's planes are already allocated.
static inline int segmentd_scale(struct SwsContext *context, const AVFrame *source, AVFrame *target) {
    return sws_scale(context, (const uint8_t *const *)source->data, source->linesize, 0, source->height,
                     target->data, target->linesize);
}

/// The coefficients of a YUV to RGB matrix, by AVColorSpace.
static inline const int *segmentd_coefficients(int space) { return sws_getCoefficients(space); }

/// Copies a whole frame's planes into another of the same size and layout.
static inline void segmentd_copy_planes(AVFrame *target, const AVFrame *source, enum AVPixelFormat format) {
    av_image_copy(target->data, target->linesize, (const uint8_t **)source->data, source->linesize, format,
                  source->width, source->height);
}

/// Lays a picture's planes out in one block of memory; returns the block's size.
static inline int segmentd_layout(
    AVFrame *frame, enum AVPixelFormat format, int width, int height, int align, uint8_t *memory) {
    return av_image_fill_arrays(frame->data, frame->linesize, memory, format, width, height, align);
}

/// A writer that hands its bytes, front to back, to a function; `buffer` is from av_malloc and then the writer's.
static inline AVIOContext *segmentd_byte_writer(
    unsigned char *buffer, int size, void *opaque, int (*write)(void *opaque, const uint8_t *bytes, int count)) {
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    return avio_alloc_context(buffer, size, 1, opaque, NULL, write, NULL);
#else
    return avio_alloc_context(buffer, size, 1, opaque, NULL, (int (*)(void *, uint8_t *, int))write, NULL);
#endif
}
