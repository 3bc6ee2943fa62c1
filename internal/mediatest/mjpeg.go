package mediatest

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"io"
)

// fakeCameraRate is how many pictures a second Chromium's fake camera shows of an MJPEG file, whatever is in it.
const fakeCameraRate = 30

// WriteMJPEG draws the scene as JPEG pictures, one after the other, as Chromium's fake camera reads them from a file
// whose name ends in .mjpeg (--use-file-for-fake-video-capture). Pictures are repeated to keep the scene's pace.
func WriteMJPEG(w io.Writer, s Scene) error {
	room := s.Room()
	var buf bytes.Buffer
	for n := range s.Frames() {
		buf.Reset()
		if err := jpeg.Encode(&buf, s.Frame(room, n), &jpeg.Options{Quality: 85}); err != nil {
			return fmt.Errorf("write picture %d of scene %s: %w", n, s.Name, err)
		}
		for range max(1, fakeCameraRate/s.FPS) {
			if _, err := w.Write(buf.Bytes()); err != nil {
				return fmt.Errorf("write picture %d of scene %s: %w", n, s.Name, err)
			}
		}
	}
	return nil
}
