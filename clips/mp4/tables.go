package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// entrySizes are the bytes of one entry of the sample tables that begin with an entry count.
var entrySizes = map[string]int64{"stts": 8, "ctts": 8, "stsc": 12, "stss": 4, "stco": 4, "co64": 8, "elst": 12}

// checkTables makes sure that the sample tables are no longer than their boxes, and promise no more samples than the
// file has bytes: what reads them allocates by their counts.
func checkTables(moov []byte, length int64) error {
	for bx, err := range boxes(moov) {
		if err != nil {
			return err
		}
		switch bx.kind {
		case "trak", "mdia", "minf", "stbl", "edts":
			err = checkTables(bx.body, length)
		default:
			err = checkTable(bx, length)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkTable(bx box, length int64) error {
	if bx.kind == "co64" {
		return errors.New("files with 64-bit chunk offsets are not read")
	}
	if bx.kind == "stsz" {
		if len(bx.body) < 12 {
			return errors.New("stsz box cut short")
		}
		count := int64(binary.BigEndian.Uint32(bx.body[8:]))
		if binary.BigEndian.Uint32(bx.body[4:]) == 0 && count*4 > int64(len(bx.body)-12) || count > length {
			return fmt.Errorf("stsz box promises %d samples", count)
		}
		return nil
	}
	size, ok := entrySizes[bx.kind]
	if !ok {
		return nil
	}
	if len(bx.body) < 8 {
		return fmt.Errorf("%s box cut short", bx.kind)
	}
	count := int64(binary.BigEndian.Uint32(bx.body[4:]))
	if count*size > int64(len(bx.body)-8) {
		return fmt.Errorf("%s box promises %d entries", bx.kind, count)
	}
	if bx.kind != "stts" {
		return nil
	}
	total := int64(0)
	for i := range count {
		if total += int64(binary.BigEndian.Uint32(bx.body[8+8*i:])); total > length {
			return fmt.Errorf("stts box promises %d samples", total)
		}
	}
	return nil
}

// editOffset is what the track's edit list adds to its media times, in the track's ticks: pauses in front, less the
// media that is skipped (ISO/IEC 14496-12, 8.6.6). Later edits are not followed.
func editOffset(moov []byte, track int, scale int64) int64 {
	mvhd, _ := find(moov, "mvhd")
	movie := timescale(mvhd)
	for bx, err := range boxes(moov) {
		if err != nil {
			return 0
		}
		if bx.kind != "trak" || trackOf(bx.body) != track {
			continue
		}
		if elst, ok := find(bx.body, "edts", "elst"); ok {
			return offsetOf(elst, movie, scale)
		}
	}
	return 0
}

func offsetOf(elst []byte, movie, scale int64) int64 {
	if len(elst) < 8 {
		return 0
	}
	size := 12
	if elst[0] == 1 {
		size = 20
	}
	offset := int64(0)
	for e := elst[8:]; len(e) >= size; e = e[size:] {
		duration, media := int64(binary.BigEndian.Uint32(e)), int64(int32(binary.BigEndian.Uint32(e[4:])))
		if size == 20 {
			duration, media = int64(binary.BigEndian.Uint64(e)), int64(binary.BigEndian.Uint64(e[8:]))
		}
		if !plausible(duration) || !plausible(media) {
			return 0
		}
		if media >= 0 {
			return offset - media
		}
		if movie > 0 {
			offset += duration / movie * scale
			offset += duration % movie * scale / movie
		}
	}
	return offset
}

// plausible keeps times within what can be converted without overflow: some 70 years of microseconds.
func plausible(v int64) bool { return v > -(1<<51) && v < 1<<51 }

func timescale(mvhd []byte) int64 {
	at := 12
	if len(mvhd) > 0 && mvhd[0] == 1 {
		at = 20
	}
	if len(mvhd) < at+4 {
		return 0
	}
	return int64(binary.BigEndian.Uint32(mvhd[at:]))
}

func trackOf(trak []byte) int {
	tkhd, _ := find(trak, "tkhd")
	at := 12
	if len(tkhd) > 0 && tkhd[0] == 1 {
		at = 20
	}
	if len(tkhd) < at+4 {
		return 0
	}
	return int(binary.BigEndian.Uint32(tkhd[at:]))
}

// describeTracks names what the file has instead of a video track that can be read.
func describeTracks(moov []byte) string {
	var found []string
	for bx, err := range boxes(moov) {
		if err != nil {
			break
		}
		if bx.kind != "trak" {
			continue
		}
		if stsd, ok := find(bx.body, "mdia", "minf", "stbl", "stsd"); ok && len(stsd) >= 16 {
			found = append(found, fmt.Sprintf("%q", stsd[12:16]))
		}
	}
	if len(found) == 0 {
		return "it has no tracks"
	}
	return "it has " + strings.Join(found, ", ")
}
