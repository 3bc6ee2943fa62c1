package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigil/internal/doctor"
)

// office is the environment of a machine on which everything is free.
func office(t *testing.T) []string {
	return []string{
		"VIGIL_DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "VIGIL_HTTP_LISTEN=127.0.0.1:0", "VIGIL_RTSP_LISTEN=127.0.0.1:0",
		"VIGIL_WEBRTC_UDP=127.0.0.1:0",
	}
}

// of returns the findings of a check.
func of(all []doctor.Finding, check string) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f doctor.Finding) bool { return f.Check != check })
}

func TestDoctorFindsNoProblem(t *testing.T) {
	environ := office(t)
	got := vigilIn(t.Context(), t, append(environ, "VIGIL_HTTP_LISTN=x"), "doctor")
	got.works(t, "the configuration is good", "warning  config     environment variable VIGIL_HTTP_LISTN", "no vigil with a console runs",
		"http.listen: 127.0.0.1:0 is free", "nats: embedded; starts with vigil", "no problem, ")
	all := each[doctor.Finding](t, vigilIn(t.Context(), t, environ, "doctor", "--json"))
	for _, check := range []string{
		"config", "vigil", "listeners", "webrtc", "clock", "space", "disk", "memory", "models", "bus", "store", "cameras", "endpoints",
	} {
		if len(of(all, check)) == 0 {
			t.Errorf("%s was not looked at", check)
		}
	}
}

func TestDoctorFindsProblems(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a test's
	environ := append(office(t),
		"VIGIL_RTSP_LISTEN="+taken.Addr().String(),
		"VIGIL_PEOPLE_0_NAME=Ann", "VIGIL_PEOPLE_0_PHOTOS=/does/not/exist",
		"VIGIL_CAMERAS_0_ID=door", "VIGIL_CAMERAS_0_URL=rtsp://user:hunter2@127.0.0.1:9/1?key=hunter2",
		"VIGIL_CAMERAS_1_ID=porch", "VIGIL_CAMERAS_1_PUBLISH_TOKEN=hunter2",
		"VIGIL_ENDPOINTS_0_ID=home", "VIGIL_ENDPOINTS_0_URL=http://127.0.0.1:9/hook", "VIGIL_ENDPOINTS_0_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"VIGIL_NATS_URL=nats://user:hunter2@127.0.0.1:9", "VIGIL_S3_ENDPOINT=ftp.invalid")
	got := vigilIn(t.Context(), t, environ, "doctor")
	got.fails(t, 1, "the configuration cannot be used")
	if !strings.HasPrefix(got.out, "problem  config     s3.endpoint:") {
		t.Errorf("got %q", got.out)
	}
	environ[len(environ)-1] = "VIGIL_S3_ENDPOINT=http://127.0.0.1:9"
	got = vigilIn(t.Context(), t, environ, "doctor", "--json")
	got.fails(t, 1, "problem(s)")
	all := each[doctor.Finding](t, got)
	for check, want := range map[string]string{
		"config": "/does/not/exist", "listeners": taken.Addr().String(), "bus": "nats.url", "store": "s3.endpoint", "cameras": "camera door", "endpoints": "allow_private",
	} {
		if !slices.ContainsFunc(of(all, check), func(f doctor.Finding) bool {
			return f.Level == doctor.Problem && f.Do != "" && strings.Contains(f.Text+f.Do, want)
		}) {
			t.Errorf("%s: got %+v, want a problem with %q", check, of(all, check), want)
		}
	}
	if strings.Contains(got.out+got.err, "hunter2") {
		t.Errorf("got %s and %s", got.out, got.err)
	}
}
