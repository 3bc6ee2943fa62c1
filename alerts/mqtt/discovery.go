package mqtt

import (
	"encoding/json"
	"fmt"
	"strings"

	"vigil/alerts"
	"vigil/frames"
)

// The last parts of a camera's topics.
const (
	leafOnline   = "online"    // ON or OFF
	leafStranger = "stranger"  // ON or OFF
	leafAlert    = "alert"     // JSON of the latest alert: {"alert": …, "clip": …}
	leafBestShot = "best_shot" // the address of its picture
	leafEvent    = "event"     // each event as it happens, as webhooks have it; not retained
)

// retained are the topics of a camera that the broker keeps.
var retained = []string{leafOnline, leafStranger, leafAlert, leafBestShot}

// eventTypes are what Home Assistant's event entity knows.
var eventTypes = []alerts.EventType{
	alerts.Opened, alerts.ClipReady, alerts.Corrected, alerts.Closed, alerts.CameraOffline, alerts.CameraOnline, alerts.Test,
}

// device is the discovery document of one camera, in Home Assistant's device format: one message for all of its
// entities. Keys are Home Assistant's.
type device struct {
	Device       deviceInfo        `json:"device"`
	Origin       origin            `json:"origin"`
	Availability string            `json:"availability_topic"`
	QoS          int               `json:"qos"`
	Components   map[string]entity `json:"components"`
}

type deviceInfo struct {
	Identifiers  []string `json:"identifiers"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"manufacturer"`
	Model        string   `json:"model"`
	Version      string   `json:"sw_version"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw_version"`
}

type entity struct {
	Platform           string             `json:"platform"`
	Name               string             `json:"name"`
	UniqueID           string             `json:"unique_id"`
	Class              string             `json:"device_class,omitempty"`
	Category           string             `json:"entity_category,omitempty"`
	Icon               string             `json:"icon,omitempty"`
	StateTopic         string             `json:"state_topic,omitempty"`
	URLTopic           string             `json:"url_topic,omitempty"`
	ValueTemplate      string             `json:"value_template,omitempty"`
	AttributesTopic    string             `json:"json_attributes_topic,omitempty"`
	AttributesTemplate string             `json:"json_attributes_template,omitempty"`
	EventTypes         []alerts.EventType `json:"event_types,omitempty"`
}

// names are the topics of one program at the broker.
type names struct{ prefix, discovery string }

// status is where the program says whether it is there; the broker does when it dies.
func (n names) status() string { return n.prefix + "/status" }

func (n names) of(camera frames.CameraID, leaf string) string {
	return n.prefix + "/" + string(camera) + "/" + leaf
}

// birth is where Home Assistant says that it has started.
func (n names) birth() string { return n.discovery + "/status" }

// object is the program's name as identifiers have it: letters, digits, "-" and "_".
func (n names) object() string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, n.prefix)
}

// id is a camera's identifier. Ids of cameras hold no "_", so it can be read back.
func (n names) id(camera frames.CameraID) string { return n.object() + "_" + string(camera) }

func (n names) config(camera frames.CameraID) string {
	return n.discovery + "/device/" + n.id(camera) + "/config"
}

// configured is the camera of a discovery topic that this program has written, now or before.
func (n names) configured(topic string) (frames.CameraID, bool) {
	rest, ok := strings.CutPrefix(topic, n.discovery+"/device/"+n.object()+"_")
	if !ok || n.discovery == "" {
		return "", false
	}
	name, ok := strings.CutSuffix(rest, "/config")
	if !ok {
		return "", false
	}
	camera, err := frames.ParseCameraID(name)
	return camera, err == nil
}

// document is the camera's discovery document.
func (n names) document(camera frames.CameraID, version string) (string, error) {
	at := func(leaf string) string { return n.of(camera, leaf) }
	id := n.id(camera)
	d := device{
		Device: deviceInfo{
			Identifiers: []string{id}, Name: "Camera " + string(camera), Manufacturer: "Vigil", Model: "Camera", Version: version,
		},
		Origin: origin{Name: "Vigil", Version: version}, Availability: n.status(), QoS: 1,
		Components: map[string]entity{
			"stranger":  {Platform: "binary_sensor", Name: "Stranger", Class: "occupancy", StateTopic: at(leafStranger)},
			"online":    {Platform: "binary_sensor", Name: "Video", Class: "connectivity", Category: "diagnostic", StateTopic: at(leafOnline)},
			"best_shot": {Platform: "image", Name: "Last stranger", URLTopic: at(leafBestShot)},
			"alert": {
				Platform: "sensor", Name: "Last alert", Class: "timestamp", StateTopic: at(leafAlert),
				ValueTemplate: "{{ value_json.alert.opened_at }}", AttributesTopic: at(leafAlert),
				AttributesTemplate: "{{ value_json.alert | tojson }}",
			},
			"event": {
				Platform: "event", Name: "Events", Icon: "mdi:account-alert", StateTopic: at(leafEvent), EventTypes: eventTypes,
				ValueTemplate: "{{ dict(value_json.data, event_type=value_json.type, timestamp=value_json.timestamp) | tojson }}",
			},
		},
	}
	for name, e := range d.Components {
		e.UniqueID = id + "_" + name
		d.Components[name] = e
	}
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("discovery of camera %s: %w", camera, err)
	}
	return string(text), nil
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}
