// The binding's C side: one decoder, its current picture and its converter.
#ifndef VIGIL_LIBAV_H
#define VIGIL_LIBAV_H

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/error.h>
#include <libswscale/swscale.h>
#include <stdint.h>

// What the functions return besides FFmpeg's own negative errors.
enum {
	VIGIL_NONE = 0,
	VIGIL_PICTURE = 1,
	VIGIL_ENOMEM = AVERROR(ENOMEM),
};

typedef struct vigil_decoder {
	AVCodecContext *codec;
	AVPacket *packet;
	AVFrame *frame;

	struct SwsContext *sws;
	int sws_width, sws_height, sws_format, sws_matrix, sws_full;
} vigil_decoder;

// vigil_open returns a decoder of one thread for "h264" or "hevc" with parameter sets in Annex B, or NULL and *err.
vigil_decoder *vigil_open(const char *name, const uint8_t *extra, int extra_size, int64_t max_pixels, int *err);

// vigil_reserve makes room for an access unit in d->packet->data.
int vigil_reserve(vigil_decoder *d, int size);

// vigil_send gives the reserved access unit to the decoder, and frees it.
int vigil_send(vigil_decoder *d, int64_t pts, int64_t dts);

// vigil_end tells the decoder that nothing follows, vigil_reset that something does after all.
int vigil_end(vigil_decoder *d);
void vigil_reset(vigil_decoder *d);

// vigil_receive takes the next picture into d->frame: VIGIL_PICTURE, VIGIL_NONE or an error.
int vigil_receive(vigil_decoder *d);

// vigil_convert writes d->frame to dst as BGR, rows of stride bytes.
int vigil_convert(vigil_decoder *d, uint8_t *dst, int stride);

void vigil_close(vigil_decoder *d);

#endif
