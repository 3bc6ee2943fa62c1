package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"

	"vigil/alerts"
)

// Format is how an event is written into the body.
type Format string

// The formats.
const (
	// Standard is the event as Standard Webhooks 1.0.0 has it: type, timestamp, data.
	Standard Format = "standard"
	// CloudEvents is the same in the structured envelope of CloudEvents 1.0.2. It is signed like any other body.
	CloudEvents Format = "cloudevents"
)

// envelope is a CloudEvent in JSON (CloudEvents 1.0.2, JSON format 2.2).
type envelope struct {
	SpecVersion string           `json:"specversion"`
	ID          string           `json:"id"` // the webhook-id
	Source      string           `json:"source"`
	Type        alerts.EventType `json:"type"`
	Time        json.RawMessage  `json:"time"`
	Subject     string           `json:"subject"` // the alert, or the camera
	ContentType string           `json:"datacontenttype"`
	Data        json.RawMessage  `json:"data"`
}

// write returns the body of a delivery and its media type. It follows from the delivery alone, so that every attempt has
// the same bytes.
func (f Format) write(d Delivery) (body []byte, mediaType string, err error) {
	if f != CloudEvents {
		return d.Body, "application/json", nil
	}
	var parts struct{ Timestamp, Data json.RawMessage }
	var event alerts.Event
	if err := json.Unmarshal(d.Body, &parts); err != nil {
		return nil, "", fmt.Errorf("envelope of %s: %w", d.ID, err)
	}
	if err := json.Unmarshal(d.Body, &event); err != nil {
		return nil, "", fmt.Errorf("envelope of %s: %w", d.ID, err)
	}
	subject := event.Data.Alert.ID
	if subject == "" {
		subject = string(event.Data.About())
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(envelope{
		SpecVersion: "1.0", ID: d.ID, Source: "/cameras/" + string(event.Data.About()), Type: d.Type, Time: parts.Timestamp,
		Subject: subject, ContentType: "application/json", Data: parts.Data,
	})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), "application/cloudevents+json", err
}
