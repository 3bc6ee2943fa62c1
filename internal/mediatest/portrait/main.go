// Command portrait draws photos of somebody of internal/mediatest's cast, for tests that are not written in Go.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"vigil/internal/mediatest"
)

// size is how many pixels a photo has on each side.
const size = 480

func main() {
	who := flag.String("who", "resident", "resident or stranger")
	count := flag.Int("count", 3, "how many photos")
	flag.Parse()
	if err := draw(*who, *count, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "portrait:", err)
		os.Exit(1)
	}
}

func draw(who string, count int, dir string) error {
	person, ok := map[string]mediatest.Person{"resident": mediatest.Resident(), "stranger": mediatest.Stranger()}[who]
	if !ok || dir == "" {
		return fmt.Errorf("want -who resident or stranger, and a folder; got %q and %q", who, dir)
	}
	for i := range count {
		photo, err := mediatest.PortraitJPEG(person, size, i)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".jpg")), photo, 0o644); err != nil {
			return err
		}
	}
	return nil
}
