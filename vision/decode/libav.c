//go:build !nocv

#include "libav.h"

#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libavutil/pixfmt.h>
#include <malloc.h>
#include <string.h>

static int open_codec(vigil_decoder *d, const char *name, const uint8_t *extra, int extra_size, int64_t max_pixels)
{
	const AVCodec *codec = avcodec_find_decoder_by_name(name);
	if (!codec)
		return AVERROR_DECODER_NOT_FOUND;
	d->codec = avcodec_alloc_context3(codec);
	d->packet = av_packet_alloc();
	d->next = av_frame_alloc();
	d->frame = av_frame_alloc();
	if (!d->codec || !d->packet || !d->next || !d->frame)
		return AVERROR(ENOMEM);
	d->codec->thread_count = 1;
	d->codec->max_pixels = max_pixels;
	if (extra_size > 0) {
		d->codec->extradata = av_mallocz(extra_size + AV_INPUT_BUFFER_PADDING_SIZE);
		if (!d->codec->extradata)
			return AVERROR(ENOMEM);
		memcpy(d->codec->extradata, extra, extra_size);
		d->codec->extradata_size = extra_size;
	}
	return avcodec_open2(d->codec, codec, NULL);
}

vigil_decoder *vigil_open(const char *name, const uint8_t *extra, int extra_size, int64_t max_pixels, int *err)
{
	// Errors come back as values and are counted; the library would write them to stderr, one line per slice.
	av_log_set_level(AV_LOG_QUIET);
	vigil_decoder *d = av_mallocz(sizeof(*d));
	if (!d) {
		*err = AVERROR(ENOMEM);
		return NULL;
	}
	*err = open_codec(d, name, extra, extra_size, max_pixels);
	if (*err < 0) {
		vigil_close(d);
		return NULL;
	}
	return d;
}

int vigil_reserve(vigil_decoder *d, int size)
{
	// av_new_packet zeroes the padding that the bit reader wants behind the data.
	return av_new_packet(d->packet, size);
}

int vigil_send(vigil_decoder *d, int64_t pts, int64_t dts)
{
	d->packet->pts = pts;
	d->packet->dts = dts;
	int err = avcodec_send_packet(d->codec, d->packet);
	av_packet_unref(d->packet);
	return err;
}

int vigil_end(vigil_decoder *d)
{
	return avcodec_send_packet(d->codec, NULL);
}

void vigil_reset(vigil_decoder *d)
{
	avcodec_flush_buffers(d->codec);
}

int vigil_receive(vigil_decoder *d)
{
	int err = avcodec_receive_frame(d->codec, d->next);
	if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
		return VIGIL_NONE;
	return err < 0 ? err : VIGIL_PICTURE;
}

void vigil_take(vigil_decoder *d)
{
	av_frame_unref(d->frame);
	av_frame_move_ref(d->frame, d->next);
}

void vigil_forget(vigil_decoder *d)
{
	av_frame_unref(d->frame);
}

// matrix chooses the conversion's coefficients from what the stream says of itself, and guesses as players do where
// it says nothing: BT.601 below 720 lines, BT.709 from there on.
static int matrix(const AVFrame *f)
{
	switch (f->colorspace) {
	case AVCOL_SPC_BT709:
		return SWS_CS_ITU709;
	case AVCOL_SPC_BT470BG:
	case AVCOL_SPC_SMPTE170M:
		return SWS_CS_ITU601;
	case AVCOL_SPC_FCC:
		return SWS_CS_FCC;
	case AVCOL_SPC_SMPTE240M:
		return SWS_CS_SMPTE240M;
	case AVCOL_SPC_BT2020_NCL:
	case AVCOL_SPC_BT2020_CL:
		return SWS_CS_BT2020;
	default:
		return f->height < 720 ? SWS_CS_ITU601 : SWS_CS_ITU709;
	}
}

static int full_range(const AVFrame *f)
{
	switch (f->format) {
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUVJ444P:
		return 1;
	default:
		return f->color_range == AVCOL_RANGE_JPEG;
	}
}

static int prepare(vigil_converter *c, const AVFrame *f, int width, int height, int to_width, int to_height)
{
	int m = matrix(f), full = full_range(f);
	if (c->sws && c->width == width && c->height == height && c->format == f->format && c->matrix == m &&
	    c->full == full && c->to_width == to_width && c->to_height == to_height)
		return 0;
	sws_freeContext(c->sws);
	// An area is the mean of the pixels that become one: it does not alias when it shrinks.
	c->sws = sws_getContext(width, height, f->format, to_width, to_height, AV_PIX_FMT_BGR24, SWS_AREA, NULL, NULL,
				NULL);
	if (!c->sws)
		return AVERROR(EINVAL);
	// It refuses formats that need no matrix, such as RGB and grey, which is no error.
	sws_setColorspaceDetails(c->sws, sws_getCoefficients(m), full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
				 1 << 16, 1 << 16);
	c->width = width;
	c->height = height;
	c->format = f->format;
	c->matrix = m;
	c->full = full;
	c->to_width = to_width;
	c->to_height = to_height;
	return 0;
}

static int convert(vigil_converter *c, const uint8_t *const *planes, const int *strides, uint8_t *dst, int stride)
{
	uint8_t *to[4] = {dst};
	int to_strides[4] = {stride};
	int rows = sws_scale(c->sws, planes, strides, 0, c->height, to, to_strides);
	if (rows < 0)
		return rows;
	return rows == c->to_height ? 0 : AVERROR(EINVAL);
}

// converter returns the one that has scaled to that size, or the one that has rested longest, as the first.
static vigil_converter *converter(vigil_decoder *d, int width, int height)
{
	int i = 0;
	while (i < VIGIL_SIZES - 1 && !(d->scale[i].to_width == width && d->scale[i].to_height == height))
		i++;
	vigil_converter c = d->scale[i];
	memmove(d->scale + 1, d->scale, i * sizeof c);
	d->scale[0] = c;
	return d->scale;
}

int vigil_scale(vigil_decoder *d, uint8_t *dst, int stride, int width, int height)
{
	const AVFrame *f = d->frame;
	vigil_converter *c = converter(d, width, height);
	int err = prepare(c, f, f->width, f->height, width, height);
	if (err < 0)
		return err;
	return convert(c, (const uint8_t *const *)f->data, f->linesize, dst, stride);
}

int vigil_crop(vigil_decoder *d, uint8_t *dst, int stride, int x, int y, int width, int height)
{
	const AVFrame *f = d->frame;
	const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(f->format);
	if (!format)
		return AVERROR(EINVAL);
	int err = prepare(&d->crop, f, width, height, width, height);
	if (err < 0)
		return err;
	const uint8_t *planes[4] = {NULL};
	for (int i = 0; i < format->nb_components; i++) {
		const AVComponentDescriptor *c = &format->comp[i];
		int chroma = i == 1 || i == 2; // FFmpeg subsamples these, whatever they are called
		int cx = chroma ? x >> format->log2_chroma_w : x, cy = chroma ? y >> format->log2_chroma_h : y;
		planes[c->plane] = f->data[c->plane] + (ptrdiff_t)cy * f->linesize[c->plane] + cx * c->step;
	}
	return convert(&d->crop, planes, f->linesize, dst, stride);
}

void vigil_close(vigil_decoder *d)
{
	if (!d)
		return;
	for (int i = 0; i < VIGIL_SIZES; i++)
		sws_freeContext(d->scale[i].sws);
	sws_freeContext(d->crop.sws);
	av_frame_free(&d->next);
	av_frame_free(&d->frame);
	av_packet_free(&d->packet);
	avcodec_free_context(&d->codec);
	av_free(d);
}

void vigil_few_arenas(int n)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, n);
#endif
}

void vigil_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
