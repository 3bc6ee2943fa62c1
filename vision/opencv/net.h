// One neural network: bytes in, floats out, and errors as text where OpenCV throws.
#ifndef VIGIL_NET_H
#define VIGIL_NET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VIGIL_ERROR_SIZE = 512 };

typedef struct vigil_net vigil_net;

// vigil_one_thread makes OpenCV work in the thread that calls it.
void vigil_one_thread(void);

// vigil_net_open reads an ONNX model that gives the n outputs of these names, or its only one when n is 0. NULL and
// a text in error, of VIGIL_ERROR_SIZE bytes, when it cannot.
vigil_net *vigil_net_open(const char *model, int size, const char *const *names, int n, char *error);

// vigil_net_run computes the outputs for packed BGR of width×height pixels: (value - mean) * scale, with red and blue
// exchanged before when rgb is set. Not 0 and a text in error when it cannot.
int vigil_net_run(vigil_net *net, const uint8_t *bgr, int width, int height, double scale, const double *mean, int rgb,
		  char *error);

// vigil_net_output returns output i and its length; it is valid until the next run.
const float *vigil_net_output(vigil_net *net, int i, int *length);

void vigil_net_close(vigil_net *net);

#ifdef __cplusplus
}
#endif
#endif
