package onvif

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// maxDepth bounds how deep elements of an answer may be nested; ONVIF's own are not half as deep.
const maxDepth = 64

var (
	errDoctype = errors.New("XML with a document type, which SOAP forbids")
	errDepth   = errors.New("XML is nested too deep")
)

// guard passes tokens on and refuses what no SOAP message has (SOAP 1.2 part 1, 5): document types, and with them
// entities of the sender's making.
type guard struct {
	decoder *xml.Decoder
	depth   int
}

// Token implements xml.TokenReader.
func (g *guard) Token() (xml.Token, error) {
	token, err := g.decoder.RawToken()
	switch token.(type) {
	case xml.Directive:
		return nil, errDoctype
	case xml.StartElement:
		if g.depth++; g.depth > maxDepth {
			return nil, errDepth
		}
	case xml.EndElement:
		g.depth--
	}
	return token, err
}

// envelope is a SOAP message whose body holds a T or a fault.
type envelope[T any] struct {
	XMLName xml.Name `xml:"Envelope"`
	Header  struct {
		RelatesTo string
	}
	Body struct {
		Fault   *fault
		Content T `xml:",any"`
	}
}

// fault is what a service says instead of an answer (SOAP 1.2 part 1, 5.4).
type fault struct {
	Code struct {
		Value   string
		Subcode struct {
			Value   string
			Subcode struct{ Value string }
		}
	}
	Reason struct {
		Text []string
	}
}

// refused says whether the fault is about who asks (ONVIF Core Specification, 5.11.2.2 and WS-Security 1.1, 12).
func (f *fault) refused() bool {
	for _, code := range []string{f.Code.Value, f.Code.Subcode.Value, f.Code.Subcode.Subcode.Value} {
		_, name, ok := strings.Cut(strings.TrimSpace(code), ":")
		if !ok {
			name = strings.TrimSpace(code)
		}
		switch name {
		case "NotAuthorized", "FailedAuthentication", "InvalidSecurityToken", "FailedCheck", "InvalidSecurity":
			return true
		}
	}
	return false
}

// Error implements error.
func (f *fault) Error() string {
	text := clean(strings.Join(f.Reason.Text, " "))
	if text == "" {
		text = clean(f.Code.Subcode.Value + " " + f.Code.Value)
	}
	return "the device answers: " + text
}

// parse reads a message. The error is a *fault when the message is one.
func parse[T any](message []byte) (content T, relatesTo string, err error) {
	var e envelope[T]
	decoder := xml.NewTokenDecoder(&guard{decoder: xml.NewDecoder(bytes.NewReader(message))})
	if err := decoder.Decode(&e); err != nil {
		return content, "", fmt.Errorf("unreadable answer: %w", err)
	}
	if e.Body.Fault != nil {
		return content, "", e.Body.Fault
	}
	return e.Body.Content, strings.TrimSpace(e.Header.RelatesTo), nil
}

// escape makes text fit to stand in an element.
func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
