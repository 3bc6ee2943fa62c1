package web

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // photos are JPEG
	_ "image/png"  // or PNG
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	maxUpload = 64 << 20 // bytes of all photos of one request
	maxPhoto  = 10 << 20
	maxPhotos = 50
	maxSide   = 12_000      // pixels: the largest cameras have 12,000 × 9,000
	maxPixels = 110_000_000 // which is what decoding one takes three times of, in bytes
	// paceBytes have to come within paceTime: whoever sends slower keeps a place from others.
	paceBytes = 256 << 10
	paceTime  = 10 * time.Second
)

// paced reads a body that must keep coming.
type paced struct {
	io.Reader
	control *http.ResponseController
	left    int
}

// Read implements io.Reader.
func (p *paced) Read(data []byte) (int, error) {
	if p.left <= 0 {
		_ = p.control.SetReadDeadline(time.Now().Add(paceTime)) // a connection that is gone needs none
		p.left = paceBytes
	}
	n, err := p.Reader.Read(data)
	p.left -= n
	return n, err
}

// readPhotos reads multipart/form-data whose parts are photos. Those that are none are returned with their verdicts; a
// request without any that is one is an error.
func readPhotos(w http.ResponseWriter, r *asked) (photos []Photo, others []PhotoView, err error) {
	r.Body = io.NopCloser(&paced{Reader: http.MaxBytesReader(w, r.Body, maxUpload), control: http.NewResponseController(w)})
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, Refused{"want photos as multipart/form-data: " + err.Error()}
	}
	unsupported := 0
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, unread(err)
		}
		if len(part.FileName()) > maxName {
			return nil, nil, Refused{fmt.Sprintf("the name of a file has %d bytes, want at most %d", len(part.FileName()), maxName)}
		}
		data, err := io.ReadAll(io.LimitReader(part, maxPhoto+1))
		if err != nil {
			return nil, nil, unread(err)
		}
		if len(data) > maxPhoto || len(photos)+len(others) == maxPhotos {
			return nil, nil, failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("%s: want at most %d photos of %d MiB each", part.FileName(), maxPhotos, maxPhoto>>20)}
		}
		if verdict, known := judge(data); verdict != "" {
			others = append(others, PhotoView{File: part.FileName(), Verdict: verdict})
			if !known {
				unsupported++
			}
			continue
		}
		photos = append(photos, Photo{Name: part.FileName(), Data: data})
	}
	switch {
	case len(photos) > 0:
		return photos, others, nil
	case unsupported > 0:
		return nil, nil, failure{http.StatusUnsupportedMediaType, verdicts(others)}
	case len(others) > 0:
		return nil, nil, Refused{verdicts(others)}
	}
	return nil, nil, Refused{"no photo was sent"}
}

// unread is why a body could not be read, whose sender is at fault.
func unread(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return failure{http.StatusBadRequest, "the photos did not come to their end, or too slowly"}
}

func verdicts(photos []PhotoView) string { return "no photo can be used" + lines(photos) }

// lines has a line for each photo.
func lines(photos []PhotoView) string {
	var b strings.Builder
	for _, p := range photos {
		b.WriteString("\n  " + p.File + ": " + p.Verdict)
	}
	return b.String()
}

// judge looks at a photo's head before anybody decodes it: what claims to be huge is not decoded. known says that it is of
// a kind that photos come in.
func judge(data []byte) (verdict string, known bool) {
	if !bytes.HasPrefix(data, []byte("\xff\xd8\xff")) && !bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) {
		return "not a readable picture: neither JPEG nor PNG", false
	}
	head, _, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case err != nil:
		return "not a readable picture", true
	case head.Width > maxSide || head.Height > maxSide || head.Width*head.Height > maxPixels:
		return fmt.Sprintf("%d×%d pixels, want at most %d a side and %d million", head.Width, head.Height, maxSide, maxPixels/1_000_000), true
	}
	return "", true
}
