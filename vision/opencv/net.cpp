//go:build !nocv

#include "net.h"

#include <cstdio>
#include <exception>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <stdexcept>
#include <vector>

struct vigil_net {
	cv::dnn::Net net;
	std::vector<cv::String> names;
	std::vector<cv::Mat> outputs;
	cv::Mat blob;
};

static void say(char *error, const char *text) { std::snprintf(error, VIGIL_ERROR_SIZE, "%s", text); }

void vigil_one_thread(void) { cv::setNumThreads(1); }

vigil_net *vigil_net_open(const char *model, int size, const char *const *names, int n, char *error)
{
	vigil_net *v = nullptr;
	try {
		v = new vigil_net;
		v->net = cv::dnn::readNetFromONNX(model, size);
		v->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
		v->net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
		for (int i = 0; i < n; i++)
			v->names.push_back(names[i]);
		if (n == 0)
			v->names = v->net.getUnconnectedOutLayersNames();
		if (v->names.empty() || (n == 0 && v->names.size() != 1))
			throw std::runtime_error("the network must have exactly one output");
		return v;
	} catch (const std::exception &e) {
		say(error, e.what());
	} catch (...) {
		say(error, "unknown exception");
	}
	delete v;
	return nullptr;
}

int vigil_net_run(vigil_net *v, const uint8_t *bgr, int width, int height, double scale, const double *mean, int rgb,
		  char *error)
{
	try {
		const cv::Mat image(height, width, CV_8UC3, const_cast<uint8_t *>(bgr));
		cv::dnn::blobFromImage(image, v->blob, scale, cv::Size(), cv::Scalar(mean[0], mean[1], mean[2]), rgb != 0, false);
		v->net.setInput(v->blob);
		v->net.forward(v->outputs, v->names);
		for (const cv::Mat &m : v->outputs)
			if (m.type() != CV_32F || !m.isContinuous())
				throw std::runtime_error("the network's output is not floats");
		return 0;
	} catch (const std::exception &e) {
		say(error, e.what());
	} catch (...) {
		say(error, "unknown exception");
	}
	return -1;
}

const float *vigil_net_output(vigil_net *v, int i, int *length)
{
	if (i < 0 || (size_t)i >= v->outputs.size()) {
		*length = 0;
		return nullptr;
	}
	*length = (int)v->outputs[i].total();
	return v->outputs[i].ptr<float>();
}

void vigil_net_close(vigil_net *v) { delete v; }
