package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vigil/internal/config"
	"vigil/internal/onvif"
)

// sheet is what is written of the devices: the configuration's lines.
type sheet struct {
	who     onvif.Credentials
	first   int // index of the first entry in the configuration's list
	ids     map[string]bool
	devices []listed
	files   map[string]string // with the address of the entry of that id; none: nothing was left
}

// listed is a device and its entries.
type listed struct {
	answered
	entries []entry
}

// entry is a camera of the configuration.
type entry struct {
	id     string
	stream onvif.Stream   // with a warning: to be looked at by somebody before it is used
	others []onvif.Stream // of the same video source
}

func newSheet(cfg config.Config, who onvif.Credentials) *sheet {
	s := &sheet{who: who, first: len(cfg.Cameras), ids: map[string]bool{}}
	for _, c := range cfg.Cameras {
		s.ids[c.ID] = true
	}
	return s
}

// add makes an entry of each of the device's video sources: of its stream with the most pixels that can be watched.
func (s *sheet) add(camera answered) {
	device := listed{answered: camera}
	name := cmp.Or(camera.Device.Name, camera.Model, "camera "+camera.Device.Addr.String())
	sources := map[string][]onvif.Stream{}
	var order []string
	for _, stream := range camera.Streams {
		if sources[stream.Source] == nil {
			order = append(order, stream.Source)
		}
		sources[stream.Source] = append(sources[stream.Source], stream)
	}
	for i, source := range order {
		streams := slices.Clone(sources[source])
		slices.SortStableFunc(streams, func(a, b onvif.Stream) int {
			return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(b.Width*b.Height, a.Width*a.Height))
		})
		if rank(streams[0]) == 0 {
			continue
		}
		own := name
		if len(order) > 1 {
			own += " " + strconv.Itoa(i+1)
		}
		device.entries = append(device.entries, entry{s.id(own), streams[0], streams[1:]})
	}
	s.devices = append(s.devices, device)
}

// rank says how fit a stream is: not at all, at another host, as it is.
func rank(s onvif.Stream) int {
	switch {
	case s.URL == "" || s.Codec != "H264" && s.Codec != "H265":
		return 0
	case s.Warning != "":
		return 1
	}
	return 2
}

// suspect says whether the entry is none until somebody has looked at it.
func (e entry) suspect() bool { return e.stream.Warning != "" }

// id makes a camera's id of its name, one that is not taken.
func (s *sheet) id(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	base := strings.Trim(b.String(), "-")
	base = cmp.Or(strings.TrimRight(base[:min(len(base), 56)], "-"), "camera")
	id := base
	for n := 2; s.ids[id]; n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	s.ids[id] = true
	return id
}

// whole is the stream's address with user and password.
func (s *sheet) whole(stream onvif.Stream) string {
	u, err := url.Parse(stream.URL)
	if err != nil || s.who.User == "" {
		return stream.URL
	}
	u.User = url.UserPassword(s.who.User, string(s.who.Password))
	return u.String()
}

// shown is the stream's address without them; some devices put the password into the query.
func (s *sheet) shown(stream onvif.Stream) string {
	password := string(s.who.Password)
	if u, err := url.Parse(stream.URL); err == nil && password != "" {
		for _, values := range u.Query() {
			if slices.Contains(values, password) {
				u.RawQuery = ""
				return u.String() + "?***"
			}
		}
		if strings.Contains(u.Path, password) {
			return u.Scheme + "://" + u.Host + "/***"
		}
	}
	return stream.URL
}

// leaveSecrets writes the whole address of each entry into a file for this user only.
func (s *sheet) leaveSecrets(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("--secrets: %w", err)
	}
	s.files = map[string]string{}
	for _, d := range s.devices {
		for _, e := range d.entries {
			if e.suspect() {
				continue // the password is not for that host
			}
			path := filepath.Join(dir, e.id+".url")
			err := os.WriteFile(path+".new", []byte(s.whole(e.stream)+"\n"), 0o600)
			if err = errors.Join(err, os.Chmod(path+".new", 0o600)); err == nil {
				err = os.Rename(path+".new", path)
			}
			if err != nil {
				return fmt.Errorf("--secrets: %w", err)
			}
			s.files[e.id] = path
		}
	}
	return nil
}

// print writes YAML. What is to be known and is no configuration stands in comments.
func (s *sheet) print(g *Globals, c camerasDiscover) {
	g.say("cameras:\n")
	var variables []string
	n := 0
	for _, d := range s.devices {
		g.say("  # %s\n", d.title())
		for _, warning := range d.Device.Warnings {
			g.say("  #   %s\n", warning)
		}
		switch {
		case d.err != nil:
			g.say("  #   not listed: %v\n", d.err)
		case len(d.entries) == 0:
			g.say("  #   no stream of H.264 or H.265\n")
			for _, stream := range d.Streams {
				g.say("  #   %s\n", s.describe(stream))
			}
		}
		for _, e := range d.entries {
			s.printEntry(g, e, c.Plain)
			if e.suspect() {
				continue
			}
			if file := s.files[e.id]; file != "" {
				variables = append(variables, fmt.Sprintf("VIGIL_CAMERAS_%d_URL_FILE=%s", s.first+n, file))
			}
			n++
		}
	}
	switch {
	case n == 0 || s.who.User == "" || c.Plain:
	case len(variables) > 0:
		g.say("# User and password are in files. Set in Vigil's environment, for these entries in this order and place:\n")
		for _, v := range variables {
			g.say("#   %s\n", v)
		}
	default:
		g.say("# User and password are left out. --secrets DIR leaves them in files for VIGIL_CAMERAS_%d_URL_FILE and so on;\n"+
			"# --plain prints them here.\n", s.first)
	}
}

func (s *sheet) printEntry(g *Globals, e entry, plain bool) {
	g.say("  #   %s\n", s.describe(e.stream))
	address, comment := s.shown(e.stream), ""
	switch {
	case e.suspect():
		comment = "# "
	case plain:
		address = s.whole(e.stream)
	}
	g.say("  %s- { id: %q, url: %s }\n", comment, e.id, strconv.Quote(address))
	for _, other := range e.others {
		g.say("  #   also %s\n", s.describe(other))
	}
}

// title is what is known of a device, on one line.
func (d listed) title() string {
	about := slices.DeleteFunc([]string{d.Manufacturer, d.Model}, func(s string) bool { return s == "" })
	title := cmp.Or(d.Device.Name, d.Device.Hardware, "camera") + " at " + d.Device.Addr.String()
	if len(about) > 0 {
		title += " (" + strings.Join(about, " ") + ")"
	}
	if d.Skew.Abs() > clockTolerance {
		title += fmt.Sprintf(", its clock is off by %s", d.Skew)
	}
	return title
}

func (s *sheet) describe(stream onvif.Stream) string {
	text := fmt.Sprintf("%s: %s %dx%d", stream.Profile, cmp.Or(stream.Codec, "no video"), stream.Width, stream.Height)
	if stream.Rate > 0 {
		text += fmt.Sprintf(", %g/s", stream.Rate)
	}
	if stream.URL != "" {
		text += ", " + s.shown(stream)
	}
	if stream.Warning != "" {
		text += ", WARNING: " + stream.Warning
	}
	return text
}
