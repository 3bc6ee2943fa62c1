//go:build !nocv

package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"vigil/internal/doctor"
	"vigil/internal/mediatest"
)

// A doctor beside a running vigil asks it, and looks at a camera whose pictures it can decode.
func TestDoctorWhileVigilRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("watches a camera in real time")
	}
	player, err := mediatest.NewPlayer(mediatest.Camera{Clip: "solo", Loop: true}, "admin", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan error, 1)
	go func() { played <- player.Run(ctx) }()
	r := begin(t)
	console := strings.TrimPrefix(r.program.Addresses().Console, "http://")
	environ := append(slices.Clone(r.environ), "VIGIL_HTTP_LISTEN="+console, "VIGIL_CAMERAS_0_ID=door", "VIGIL_CAMERAS_0_URL="+player.URL())
	all := each[doctor.Finding](t, vigilIn(t.Context(), t, environ, "doctor", "--json"))
	for check, want := range map[string]string{
		"vigil": "vigil runs at http://" + console, "listeners": "held by the running vigil", "memory": "beside the running vigil",
		"bus": "works in the running vigil", "store": "works in the running vigil", "cameras": "h264 1280x720, decoded;",
	} {
		if f := of(all, check); len(f) == 0 || f[0].Level != doctor.OK || !strings.Contains(f[0].Text, want) {
			t.Errorf("%s: got %+v, want %q", check, f, want)
		}
	}
	cancel()
	if err := <-played; err != nil {
		t.Error(err)
	}
	r.end()
	if f := of(each[doctor.Finding](t, r.vigil("doctor", "--json")), "bus"); len(f) != 1 || !strings.Contains(f[0].Text, "starts with vigil") {
		t.Errorf("after the end: got %+v", f)
	}
}
