package onvif

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"
)

// The answers, as far as they are read.
type (
	systemTime struct {
		XMLName xml.Name `xml:"GetSystemDateAndTimeResponse"`
		UTC     *struct {
			Time struct{ Hour, Minute, Second int }
			Date struct{ Year, Month, Day int }
		} `xml:"SystemDateAndTime>UTCDateTime"`
	}
	information struct {
		XMLName      xml.Name `xml:"GetDeviceInformationResponse"`
		Manufacturer string
		Model        string
	}
	capabilities struct {
		XMLName xml.Name `xml:"GetCapabilitiesResponse"`
		Media   string   `xml:"Capabilities>Media>XAddr"`
	}
	profiles struct {
		XMLName  xml.Name  `xml:"GetProfilesResponse"`
		Profiles []profile `xml:"Profiles"`
	}
	profile struct {
		Token   string `xml:"token,attr"`
		Name    string
		Source  string `xml:"VideoSourceConfiguration>SourceToken"`
		Encoder struct {
			Encoding   string
			Resolution struct{ Width, Height int }
			Rate       float64 `xml:"RateControl>FrameRateLimit"`
		} `xml:"VideoEncoderConfiguration"`
	}
	mediaURI struct {
		XMLName xml.Name `xml:"GetStreamUriResponse"`
		URI     string   `xml:"MediaUri>Uri"`
	}
)

const streamURI = `<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport>` +
	`<tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup><trt:ProfileToken>%s</trt:ProfileToken></trt:GetStreamUri>`

// At looks for a device at an address that nobody announced. What has no ONVIF service there is an error.
func At(ctx context.Context, at netip.AddrPort) (Device, error) {
	c := newClient(Credentials{})
	defer c.close()
	d := Device{Addr: at.Addr().Unmap(), Service: deviceService(at)}
	if _, err := c.clock(ctx, d.Service); err != nil && !errors.Is(err, ErrCredentials) {
		return Device{}, err
	}
	return d, nil
}

// Ask asks the device what it is and where its video is. ErrCredentials when it will not say so to that user.
func Ask(ctx context.Context, d Device, who Credentials) (Camera, error) {
	c := newClient(who)
	defer c.close()
	camera := Camera{Device: d}
	// Anybody may ask for the time; without it a device whose clock is wrong refuses every token.
	ahead, err := c.clock(ctx, d.Service)
	if err != nil && !errors.Is(err, ErrCredentials) {
		return camera, err
	}
	c.skew, camera.Skew = ahead, ahead
	about, err := call[information](ctx, c, "get device information", d.Service, c.header(), `<tds:GetDeviceInformation/>`)
	if err != nil {
		return camera, err
	}
	camera.Manufacturer, camera.Model = clean(about.Manufacturer), clean(about.Model)
	can, err := call[capabilities](ctx, c, "get capabilities", d.Service, c.header(),
		`<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>`)
	if err != nil {
		return camera, err
	}
	if can.Media == "" {
		return camera, errors.New("get capabilities: the device has no media service")
	}
	media, believed := service(can.Media, d.Addr, d.Service)
	if !believed {
		camera.Device.Warnings = append(camera.Device.Warnings, "its media service is said to be at "+clean(can.Media)+
			"; it was asked at "+media)
	}
	camera.Streams, err = c.streams(ctx, media, d.Addr)
	return camera, err
}

// clock returns by how much the device's clock is ahead; zero when it does not say.
func (c *client) clock(ctx context.Context, address string) (time.Duration, error) {
	answer, err := call[systemTime](ctx, c, "get system time", address, "", `<tds:GetSystemDateAndTime/>`)
	if err != nil || answer.UTC == nil {
		return 0, err
	}
	t, d := answer.UTC.Time, answer.UTC.Date
	if d.Year < 1970 || d.Year > 9999 || d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > 31 ||
		t.Hour < 0 || t.Hour > 23 || t.Minute < 0 || t.Minute > 59 || t.Second < 0 || t.Second > 61 {
		return 0, nil // as some say before their clock is set
	}
	theirs := time.Date(d.Year, time.Month(d.Month), d.Day, t.Hour, t.Minute, t.Second, 0, time.UTC)
	return time.Until(theirs).Round(time.Second), nil
}

func (c *client) streams(ctx context.Context, media string, addr netip.Addr) ([]Stream, error) {
	answer, err := call[profiles](ctx, c, "get profiles", media, c.header(), `<trt:GetProfiles/>`)
	if err != nil {
		return nil, err
	}
	if len(answer.Profiles) > maxStreams {
		return nil, fmt.Errorf("get profiles: the device has %d, want at most %d", len(answer.Profiles), maxStreams)
	}
	var all []Stream
	for _, p := range answer.Profiles {
		s := p.stream()
		at, err := call[mediaURI](ctx, c, "get stream address of profile "+s.Profile, media, c.header(), fmt.Sprintf(streamURI, escape(p.Token)))
		switch {
		case errors.Is(err, ErrCredentials), ctx.Err() != nil:
			return nil, err
		case err != nil: // a profile for something else than streaming
			s.Warning = clean(err.Error())
		default:
			s.URL, s.Warning = streamURL(at.URI, addr)
		}
		all = append(all, s)
	}
	return all, nil
}

func (p profile) stream() Stream {
	s := Stream{
		Profile: clean(p.Name), Source: clean(p.Source), Codec: strings.ToUpper(clean(p.Encoder.Encoding)),
		Width: bounded(p.Encoder.Resolution.Width), Height: bounded(p.Encoder.Resolution.Height),
	}
	if s.Profile == "" {
		s.Profile = clean(p.Token)
	}
	if r := p.Encoder.Rate; r > 0 && !math.IsInf(r, 0) && r < 1000 {
		s.Rate = r
	}
	return s
}

// bounded is a size that a picture can have, or 0.
func bounded(n int) int {
	if n < 0 || n > 1<<16 {
		return 0
	}
	return n
}
