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

// A conversion to BGR that lasts from picture to picture: of this size and format, to that size.
typedef struct vigil_converter {
	struct SwsContext *sws;
	int width, height, format, matrix, full, to_width, to_height;
} vigil_converter;

// How many sizes pictures are scaled to in turn: two that detectors look at, and one to see what changes.
enum { VIGIL_SIZES = 3 };

typedef struct vigil_decoder {
	AVCodecContext *codec;
	AVPacket *packet;
	AVFrame *next; // the picture received last
	AVFrame *frame; // the one that is looked at

	vigil_converter scale[VIGIL_SIZES], crop;
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

// vigil_receive takes the next picture into d->next: VIGIL_PICTURE, VIGIL_NONE or an error.
int vigil_receive(vigil_decoder *d);

// vigil_take makes d->next the one that is looked at, vigil_forget none.
void vigil_take(vigil_decoder *d);
void vigil_forget(vigil_decoder *d);

// vigil_scale writes d->frame to dst as BGR, made width×height pixels large, rows of stride bytes.
int vigil_scale(vigil_decoder *d, uint8_t *dst, int stride, int width, int height);

// vigil_crop writes the width×height pixels of d->frame from (x, y) on to dst as BGR, rows of stride bytes. x and y are
// multiples of what chroma is subsampled by; the columns may reach into the padding that rows have.
int vigil_crop(vigil_decoder *d, uint8_t *dst, int stride, int x, int y, int width, int height);

void vigil_close(vigil_decoder *d);

// vigil_few_arenas lets all threads share n arenas of the allocator, where it has arenas.
void vigil_few_arenas(int n);

// vigil_trim gives memory that is free back to the system, where the allocator can.
void vigil_trim(void);

#endif
