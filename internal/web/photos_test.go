package web

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func jpegOf(w, h int) []byte {
	var out bytes.Buffer
	_ = jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, w, h)), nil)
	return out.Bytes()
}

// claiming is a PNG of one pixel whose head claims to be that large.
func claiming(w, h uint32) []byte {
	var out bytes.Buffer
	_ = png.Encode(&out, image.NewGray(image.Rect(0, 0, 1, 1)))
	data := out.Bytes()
	binary.BigEndian.PutUint32(data[16:], w) // behind the signature, the length and "IHDR"
	binary.BigEndian.PutUint32(data[20:], h)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func form(t *testing.T, name, data string) (io.Reader, string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreateFormFile("photo", name)
	if err != nil {
		t.Fatal(err)
	}
	if data == "somebody" {
		data = string(jpegOf(8, 8))
	}
	_, _ = io.WriteString(part, data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out, w.FormDataContentType()
}

func TestEnrol(t *testing.T) {
	_, server, _, token := start(t)
	link := server.URL + "/api/v1/people/" + url.PathEscape("Zoë / Ann")
	in, kind := form(t, "1.jpg", "somebody")
	if response, text := do(t, "POST", link, token, in, "Content-Type", kind); response.StatusCode != 200 || !strings.Contains(text, "Zoë / Ann") {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
	in, kind = form(t, "group.jpg", "somebody")
	if response, text := do(t, "POST", link+"?face=2&force=true", token, in, "Content-Type", kind); response.StatusCode != 200 ||
		!strings.Contains(text, "face 2, force true") {
		t.Errorf("choices: got %d %s", response.StatusCode, text)
	}
	for query, want := range map[string]string{"face=0": "face", "face=left": "left", "force=maybe": "maybe"} {
		in, kind = form(t, "1.jpg", "somebody")
		if response, text := do(t, "POST", link+"?"+query, token, in, "Content-Type", kind); response.StatusCode != 422 || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %s", query, response.StatusCode, text)
		}
	}
	in, kind = form(t, "nobody.jpg", "somebody")
	if response, text := do(t, "POST", link, token, in, "Content-Type", kind); response.StatusCode != 422 || !strings.Contains(text, "nobody.jpg: no face") {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
	if response, _ := do(t, "POST", link, token, strings.NewReader("x"), "Content-Type", "text/plain"); response.StatusCode != 422 {
		t.Errorf("not a form: got %d", response.StatusCode)
	}
	in, kind = form(t, "big.jpg", strings.Repeat("x", maxPhoto+1))
	if response, text := do(t, "POST", link, token, in, "Content-Type", kind); response.StatusCode != 413 || !strings.Contains(text, "big.jpg") {
		t.Errorf("too big: got %d %.200s", response.StatusCode, text)
	}
	if response, _ := do(t, "DELETE", link, token, nil); response.StatusCode != 200 {
		t.Errorf("remove: got %d", response.StatusCode)
	}
}

func TestPhotosAreJudgedByTheirHead(t *testing.T) {
	huge := jpegOf(8, 8)
	at := bytes.Index(huge, []byte{0xff, 0xc0}) // SOF0: length, precision, height, width
	binary.BigEndian.PutUint32(huge[at+5:], 0xffffffff)
	for name, test := range map[string]struct {
		data  []byte
		want  string
		known bool
	}{
		"JPEG": {jpegOf(8, 8), "", true}, "PNG": {claiming(1, 1), "", true}, "a large photo": {claiming(12_000, 9_000), "", true},
		"PNG bomb": {claiming(20_000, 20_000), "20000×20000 pixels", true}, "JPEG bomb": {huge, "65535×65535 pixels", true},
		"a wide one": {claiming(12_001, 1), "12001×1", true}, "a square one": {claiming(12_000, 12_000), "12000×12000", true},
		"truncated": {jpegOf(8, 8)[:20], "not a readable", true}, "empty": {nil, "neither", false},
		"WebP": {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "neither", false}, "GIF": {[]byte("GIF89a"), "neither", false},
		"BMP": {[]byte("BM\x00\x00"), "neither", false}, "TIFF": {[]byte("II*\x00"), "neither", false},
		"SVG": {[]byte("<svg onload='x'/>"), "neither", false}, "HEIC": {[]byte("\x00\x00\x00\x18ftypheic"), "neither", false},
	} {
		begin := time.Now()
		verdict, known := judge(test.data)
		if known != test.known || (test.want == "") != (verdict == "") || !strings.Contains(verdict, test.want) {
			t.Errorf("%s: got %q, %t", name, verdict, known)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestEnrolSaysOfEachPhoto(t *testing.T) {
	_, server, _, token := start(t)
	send := func(files ...string) (*http.Response, string) {
		var out bytes.Buffer
		w := multipart.NewWriter(&out)
		for i := 0; i+1 < len(files); i += 2 {
			part, err := w.CreateFormFile("photo", files[i])
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(part, files[i+1])
		}
		_ = w.Close()
		return do(t, "POST", server.URL+"/api/v1/people/"+url.PathEscape("Ann"), token, &out, "Content-Type", w.FormDataContentType())
	}
	good := string(jpegOf(8, 8))
	if response, text := send("1.jpg", good, "2.gif", "GIF89a"); response.StatusCode != 200 || !strings.Contains(text, `"file":"2.gif","used":false,"verdict":"not a readable picture: neither JPEG nor PNG"`) {
		t.Errorf("one good photo: got %d %s", response.StatusCode, text)
	}
	if response, text := send("nobody.jpg", good, "2.gif", "GIF89a"); response.StatusCode != 422 || !strings.Contains(text, "nobody.jpg: no face") || !strings.Contains(text, "2.gif: not a") {
		t.Errorf("no good one: got %d %s", response.StatusCode, text)
	}
	if response, text := send("2.gif", "GIF89a", "3.heic", "?"); response.StatusCode != 415 || !strings.Contains(text, "3.heic") {
		t.Errorf("none: got %d %s", response.StatusCode, text)
	}
	if response, text := send("bomb.png", string(claiming(20_000, 20_000))); response.StatusCode != 422 || !strings.Contains(text, "bomb.png") {
		t.Errorf("a bomb: got %d %s", response.StatusCode, text)
	}
	many := make([]string, 0, 2*maxPhotos+2)
	for range maxPhotos + 1 {
		many = append(many, "x.jpg", good)
	}
	if response, _ := send(many...); response.StatusCode != 413 {
		t.Errorf("too many: got %d", response.StatusCode)
	}
	if response, _ := send("1.jpg", good, strings.Repeat("x", 1<<20), good); response.StatusCode/100 != 4 {
		t.Errorf("a name of a MiB: got %d", response.StatusCode)
	}
}
