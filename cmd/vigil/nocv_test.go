//go:build nocv

package main

import (
	"path/filepath"
	"testing"
)

func TestBinaryWithoutOpenCVSaysSo(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, filepath.Join(dir, "1.jpg"), "x")
	environ := []string{
		"VIGIL_DATA_DIR=" + filepath.Join(dir, "data"),
		"VIGIL_HTTP_LISTEN=127.0.0.1:0", "VIGIL_RTSP_LISTEN=127.0.0.1:0", "VIGIL_WEBRTC_UDP=127.0.0.1:0",
	}
	for _, command := range [][]string{{"faces", picture}, {"analyze", picture}, {"serve"}, {"drill"}, {"demo", "--dir", filepath.Join(dir, "demo")}} {
		vigilIn(t.Context(), t, environ, command...).fails(t, 1, "built without OpenCV", "every role but vision")
	}
}
