package rtsp

import (
	"vigil/frames"
)

// losses says of which access units packets never came.
type losses struct {
	started bool
	next    uint16 // sequence number
	missing bool   // packets, since the latest unit
	partial bool   // some of them are of the unit in the making
}

// packet takes the next packet's sequence number, and says whether it does not follow the one before. The clock is that
// before the packet.
func (l *losses) packet(seq uint16, c *clock) (jumped bool) {
	jumped = l.started && seq != l.next
	l.started, l.next = true, seq+1
	switch {
	case !jumped:
	case !c.open:
		l.missing = true
	case c.first == c.ticks: // else it misses nothing: packets of the next unit have come
		l.missing, l.partial = true, true
	}
	return jumped
}

// broken is what is known once the unit in the making is given up.
func (l losses) broken() losses {
	l.missing, l.partial = true, false
	return l
}

// unit says what is known of a unit that is complete, and begins with the next.
func (l *losses) unit(codec frames.Codec, nalus [][]byte) (missing, partial bool) {
	missing, partial = l.missing, l.partial || l.missing && !begins(codec, nalus)
	l.missing, l.partial = false, false
	return missing, partial
}

// begins says whether the first slice begins the picture: its header then begins with a bit that is set, in H.264 as the
// address 0 (7.3.3), in H.265 as first_slice_segment_in_pic_flag (7.3.6.1).
func begins(codec frames.Codec, nalus [][]byte) bool {
	for _, n := range nalus {
		switch {
		case codec == frames.H265 && len(n) > 2 && n[0]>>1&0x3f < 32:
			return n[2]&0x80 != 0
		case codec == frames.H264 && len(n) > 1 && n[0]&0x1f >= 1 && n[0]&0x1f <= 5:
			return n[1]&0x80 != 0
		}
	}
	return true // there is no picture
}
