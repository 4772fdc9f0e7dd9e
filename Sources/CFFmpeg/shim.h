// FFmpeg's macros, which Swift cannot import, as inline functions.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
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
