package jetstream

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/frames"
)

// partBytes is the most that one message carries: servers take 1 MiB by default. A fragment of a single large access unit
// travels in several messages. The first has the fragment's position, the others follow it on the same subject.
const partBytes = frames.MaxFragmentBytes

// The headers of a fragment in several messages; each has the fragment's own headers as well.
const (
	headerParts = "Vigil-Parts" // how many there are; absent when it is one
	headerPart  = "Vigil-Part"  // which one this is, from 0; absent in the first
	headerHead  = "Vigil-Head"  // position of the first; absent in the first
)

// maxParts bounds what a header is believed.
const maxParts = frames.MaxUnitBytes/partBytes + 2

// parts is how many messages a payload takes.
func parts(payload []byte) int { return max(1, (len(payload)+partBytes-1)/partBytes) }

// message is part i of n of the fragment with these headers; head is the position of the first.
func message(f *frames.Fragment, header nats.Header, i, n int, head uint64) *nats.Msg {
	msg := &nats.Msg{Subject: Subject(f.Camera), Header: header, Data: f.Payload[i*partBytes : min(len(f.Payload), (i+1)*partBytes)]}
	if n == 1 {
		return msg
	}
	msg.Header = maps.Clone(header)
	msg.Header.Set(headerParts, strconv.Itoa(n))
	if i > 0 {
		msg.Header.Set(headerPart, strconv.Itoa(i))
		msg.Header.Set(headerHead, strconv.FormatUint(head, 10))
		msg.Header.Set(nats.MsgIdHdr, f.ID()+"/"+strconv.Itoa(i))
	}
	return msg
}

// piece is what one message carries: a fragment whose payload may be a part of it.
type piece struct {
	*frames.Fragment // Pos is that of the first part
	part, parts      int
}

// read reads a message.
func read(m jetstream.Msg) (piece, error) {
	meta, err := m.Metadata()
	if err != nil {
		return piece{}, fmt.Errorf("fragment's metadata: %w", err)
	}
	return parse(m.Subject(), m.Headers(), meta.Sequence.Stream, m.Data())
}

func parse(subject string, header nats.Header, pos uint64, payload []byte) (p piece, err error) {
	if p.Fragment, err = decode(frames.CameraID(strings.TrimPrefix(subject, subjectPrefix)), header); err == nil {
		err = p.place(header)
	}
	if err != nil {
		return piece{}, fmt.Errorf("fragment at %s/%d: %w", Stream, pos, err)
	}
	if p.part == 0 {
		p.Pos = pos
	}
	p.Payload = payload
	return p, nil
}

// place reads which part of how many it is.
func (p *piece) place(header nats.Header) error {
	p.parts = 1
	text := header.Get(headerParts)
	if text == "" {
		return nil
	}
	var all, part, head error
	p.parts, all = strconv.Atoi(text)
	if text := header.Get(headerPart); text != "" {
		p.part, part = strconv.Atoi(text)
		p.Pos, head = strconv.ParseUint(header.Get(headerHead), 10, 64)
	}
	if err := errors.Join(all, part, head); err != nil {
		return err
	}
	if p.parts < 2 || p.parts > maxParts || p.part < 0 || p.part >= p.parts {
		return fmt.Errorf("part %d of %d: want 0 to %d of at most %d", p.part, p.parts, p.parts-1, maxParts)
	}
	return nil
}

// assembler puts fragments together from their messages, in log order. One whose last parts never came, because ingest died
// over them, is passed over.
type assembler struct {
	making *frames.Fragment
	next   int
}

// add returns the fragment that p completes, or nil.
func (a *assembler) add(p piece) *frames.Fragment {
	switch {
	case p.part == 0 && p.parts == 1:
		a.making = nil
		return p.Fragment
	case p.part == 0:
		a.making, a.next = p.Fragment, 1
		a.making.Payload = append(make([]byte, 0, p.parts*partBytes), p.Payload...)
		return nil
	case a.making == nil || a.making.Pos != p.Pos || a.next != p.part:
		return nil // its beginning is not kept any more, or comes again after a retry
	}
	a.making.Payload = append(a.making.Payload, p.Payload...)
	if a.next++; a.next < p.parts {
		return nil
	}
	whole := a.making
	a.making = nil
	return whole
}
