// Package onviftest is a network camera for tests: it answers probes at a UDP port of this machine, and over HTTP what
// asks a camera for its video. It checks the digests of passwords itself, written apart from the client's. It imports
// nothing of ours.
package onviftest

import (
	"cmp"
	"crypto/sha1" // UsernameToken Profile 1.1, 3.1
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// Profile is what one profile of the camera says.
type Profile struct {
	Token, Name, Source, Encoding string
	Width, Height, Rate           int
	// URI is the stream's address; HOST in it becomes the camera's. Empty: asking for it is a fault.
	URI string
}

// Camera is how the camera behaves. Once it has started, only Announced and Answers change, with Change.
type Camera struct {
	Host                 string // loopback address; empty: 127.0.0.1
	Name, User, Password string // User empty: anybody may ask
	Ahead                time.Duration
	Profiles             []Profile
	Announced            string // XAddrs of its answer to probes; empty: its service
	Media                string // address that it says its media service has; empty: the true one
	// Answers replace what is answered to an operation, such as GetProfiles.
	Answers map[string]func(w http.ResponseWriter)

	// Service is the address of its device service, Addr its host and port.
	Service string
	Addr    netip.AddrPort
	// Discovery is where it answers probes.
	Discovery netip.AddrPort

	mu     sync.Mutex
	asked  []string
	nonces map[string]bool
}

// Start lets the camera answer until the test ends.
func Start(t testing.TB, c *Camera) *Camera {
	t.Helper()
	host := net.ParseIP(cmp.Or(c.Host, "127.0.0.1"))
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: host})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.Close)
	c.Addr = netip.MustParseAddrPort(server.Listener.Addr().String())
	c.Service = server.URL + "/onvif/device_service"
	c.nonces = map[string]bool{}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: host})
	if err != nil {
		t.Fatal(err)
	}
	c.Discovery = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	c.Discover(t, conn)
	return c
}

// Discover answers probes that come to conn, which it closes when the test ends.
func (c *Camera) Discover(t testing.TB, conn *net.UDPConn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 64<<10)
		for {
			n, sender, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if answer := c.match(buffer[:n]); answer != "" {
				_, _ = conn.WriteToUDPAddrPort([]byte(answer), sender)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
}

// Change changes Announced or Answers of a camera that has started.
func (c *Camera) Change(f func(c *Camera)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// Asked are the operations so far, in order.
func (c *Camera) Asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.asked...)
}

// message is a SOAP request, as far as the camera reads it.
type message struct {
	Header struct {
		MessageID string
		Action    string
		Security  *struct {
			UsernameToken struct{ Username, Password, Nonce, Created string }
		}
	}
	Body struct {
		Operation struct {
			XMLName      xml.Name
			Types        string
			ProfileToken string
			Protocol     string `xml:"StreamSetup>Transport>Protocol"`
			Stream       string `xml:"StreamSetup>Stream"`
		} `xml:",any"`
	}
}

const envelope = `<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"` +
	` xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"` +
	` xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"` +
	` xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error">` +
	`<SOAP-ENV:Header>%s</SOAP-ENV:Header><SOAP-ENV:Body>%s</SOAP-ENV:Body></SOAP-ENV:Envelope>`

// match is the answer to a probe.
func (c *Camera) match(datagram []byte) string {
	var m message
	if err := xml.Unmarshal(datagram, &m); err != nil || !strings.HasSuffix(m.Header.Action, "/discovery/Probe") ||
		!strings.HasSuffix(m.Body.Operation.Types, ":NetworkVideoTransmitter") {
		return ""
	}
	c.mu.Lock()
	announced := c.Announced
	c.mu.Unlock()
	if announced == "" {
		announced = c.Service
	}
	scopes := "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/hardware/X1 onvif://www.onvif.org/name/" +
		strings.ReplaceAll(c.Name, " ", "%20")
	return fmt.Sprintf(envelope, "<a:RelatesTo>"+m.Header.MessageID+"</a:RelatesTo>", "<d:ProbeMatches><d:ProbeMatch>"+
		"<d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>"+scopes+"</d:Scopes><d:XAddrs>"+announced+
		"</d:XAddrs></d:ProbeMatch></d:ProbeMatches>")
}

// ServeHTTP implements http.Handler: the device service and the media service.
func (c *Camera) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var m message
	if err == nil {
		err = xml.Unmarshal(body, &m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	operation := m.Body.Operation.XMLName.Local
	c.mu.Lock()
	c.asked = append(c.asked, operation)
	answer := c.Answers[operation]
	c.mu.Unlock()
	if answer != nil {
		answer(w)
		return
	}
	if operation != "GetSystemDateAndTime" && c.User != "" {
		if err := c.check(m); err != nil {
			Fault(w, "NotAuthorized", err.Error())
			return
		}
	}
	c.answer(w, m)
}

func (c *Camera) answer(w http.ResponseWriter, m message) {
	switch m.Body.Operation.XMLName.Local {
	case "GetSystemDateAndTime":
		now := time.Now().Add(c.Ahead).UTC()
		Answer(w, "tds:GetSystemDateAndTimeResponse", fmt.Sprintf("<tds:SystemDateAndTime><tt:UTCDateTime>"+
			"<tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time>"+
			"<tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date>"+
			"</tt:UTCDateTime></tds:SystemDateAndTime>", now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day()))
	case "GetDeviceInformation":
		Answer(w, "tds:GetDeviceInformationResponse", "<tds:Manufacturer>Acme</tds:Manufacturer><tds:Model>X1</tds:Model>")
	case "GetCapabilities":
		media := c.Media
		if media == "" {
			media = "http://" + c.Addr.String() + "/onvif/media"
		}
		Answer(w, "tds:GetCapabilitiesResponse", "<tds:Capabilities><tt:Media><tt:XAddr>"+media+"</tt:XAddr></tt:Media></tds:Capabilities>")
	case "GetProfiles":
		var all strings.Builder
		for _, p := range c.Profiles {
			fmt.Fprintf(&all, `<trt:Profiles token="%s"><tt:Name>%s</tt:Name><tt:VideoSourceConfiguration><tt:SourceToken>%s`+
				`</tt:SourceToken></tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration><tt:Encoding>%s</tt:Encoding>`+
				`<tt:Resolution><tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>%d`+
				`</tt:FrameRateLimit></tt:RateControl></tt:VideoEncoderConfiguration></trt:Profiles>`,
				p.Token, p.Name, p.Source, p.Encoding, p.Width, p.Height, p.Rate)
		}
		Answer(w, "trt:GetProfilesResponse", all.String())
	case "GetStreamUri":
		c.stream(w, m)
	default:
		Fault(w, "ActionNotSupported", "no such operation")
	}
}

func (c *Camera) stream(w http.ResponseWriter, m message) {
	o := m.Body.Operation
	for _, p := range c.Profiles {
		if p.Token == o.ProfileToken && p.URI != "" && o.Stream == "RTP-Unicast" && o.Protocol == "RTSP" {
			uri := strings.ReplaceAll(p.URI, "HOST", c.Addr.Addr().String())
			Answer(w, "trt:GetStreamUriResponse", "<trt:MediaUri><tt:Uri>"+strings.ReplaceAll(uri, "&", "&amp;")+"</tt:Uri></trt:MediaUri>")
			return
		}
	}
	Fault(w, "InvalidArgVal", "no such stream")
}

// check verifies the token of a request.
func (c *Camera) check(m message) error {
	if m.Header.Security == nil {
		return errors.New("no security header")
	}
	given := m.Header.Security.UsernameToken
	nonce, err := base64.StdEncoding.DecodeString(given.Nonce)
	if err != nil || len(nonce) == 0 {
		return errors.New("no nonce")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nonces[given.Nonce] {
		return errors.New("nonce used twice")
	}
	c.nonces[given.Nonce] = true
	created, err := time.Parse(time.RFC3339, given.Created)
	if off := time.Until(created) - c.Ahead; err != nil || off.Abs() > 10*time.Second {
		return errors.New("created at another time than the camera's")
	}
	sum := sha1.Sum(append(nonce, given.Created+c.Password...))
	if given.Username != c.User || given.Password != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("wrong user or password")
	}
	return nil
}

// Answer writes the answer to an operation.
func Answer(w http.ResponseWriter, element, content string) {
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	_, _ = fmt.Fprintf(w, envelope, "", "<"+element+">"+content+"</"+element+">")
}

// Fault refuses an operation.
func Fault(w http.ResponseWriter, code, reason string) {
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, envelope, "", "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>"+
		"<SOAP-ENV:Subcode><SOAP-ENV:Value>ter:"+code+"</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code>"+
		"<SOAP-ENV:Reason><SOAP-ENV:Text xml:lang=\"en\">"+reason+"</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>")
}
