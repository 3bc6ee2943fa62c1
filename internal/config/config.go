// Package config reads the configuration: strict YAML, overridden by VIGIL_… environment variables, checked as a
// whole before anything starts. It imports nothing of ours; the parts of the program are given values, never this.
package config

import (
	"strings"
	"time"
)

// Config is the whole configuration. A doc tag is the key's description in `vigil config schema`.
type Config struct {
	DataDir   string     `yaml:"data_dir" doc:"Folder for everything that is kept on this machine: the embedded broker and store, the clip spool."`
	HTTP      HTTP       `yaml:"http" doc:"Console, API and WHIP."`
	RTSP      RTSP       `yaml:"rtsp" doc:"RTSP server that cameras publish to."`
	WebRTC    WebRTC     `yaml:"webrtc" doc:"Media of WHIP sessions."`
	NATS      NATS       `yaml:"nats" doc:"The bus."`
	S3        S3         `yaml:"s3" doc:"The store of clips, best shots and photos."`
	Models    Models     `yaml:"models" doc:"Neural networks."`
	Quality   Quality    `yaml:"quality" doc:"What a face must be to count. Good faces may raise an alert and part one track from another; usable ones may only say who it is."`
	Cameras   []Camera   `yaml:"cameras" doc:"Cameras that Vigil pulls from, or that may publish. Without any, and on loopback only, every id may publish."`
	People    People     `yaml:"people" doc:"People who raise no alert; a list of them, or a map with how sure Vigil must be."`
	Endpoints []Endpoint `yaml:"endpoints" doc:"Receivers of webhooks."`
	MQTT      MQTT       `yaml:"mqtt" doc:"An MQTT broker that is told of events and states, and Home Assistant through it."`
	Rules     []Rule     `yaml:"rules" doc:"Who raises an alert, the most important first. Without any: unknown, everywhere, always, as strangers."`
	Alerts    Alerts     `yaml:"alerts" doc:"When an alert is raised and closed."`
	Clips     Clips      `yaml:"clips" doc:"What a clip covers."`
	Retention Retention  `yaml:"retention" doc:"How long things are kept. Roles in several processes want the same here: the last one that starts decides."`
}

// HTTP configures the console, the API and WHIP.
type HTTP struct {
	Listen    string `yaml:"listen" doc:"host:port of the console, the API and /whip/<camera>."`
	PublicURL string `yaml:"public_url" doc:"Address under which receivers of webhooks reach the console; links begin with it. Empty: made of listen."`
	TLSCert   string `yaml:"tls_cert" doc:"PEM file with the certificate chain; with tls_key the listener speaks HTTPS."`
	TLSKey    string `yaml:"tls_key" doc:"PEM file with the certificate's key."`
	Insecure  bool   `yaml:"insecure" doc:"Serve plain HTTP on an address that others can reach; for use behind a proxy that ends TLS."`
}

// RTSP configures the RTSP server.
type RTSP struct {
	Listen    string `yaml:"listen" doc:"host:port to publish to: rtsp://host:port/<camera>."`
	UDP       string `yaml:"udp" doc:"host:port, the port even, for the video of publishers that send it over UDP; RTCP takes the next port. Empty: TCP only, which publishers are told."`
	TLSListen string `yaml:"tls_listen" doc:"host:port to publish to over TLS: rtsps://host:port/<camera>. Only with tls_cert and tls_key."`
	TLSCert   string `yaml:"tls_cert" doc:"PEM file with the certificate chain of tls_listen."`
	TLSKey    string `yaml:"tls_key" doc:"PEM file with the certificate's key."`
}

// WebRTC configures the media of WHIP sessions.
type WebRTC struct {
	UDP        string      `yaml:"udp" doc:"host:port of the one UDP socket of all sessions, and of the TCP listener for publishers whose network lets no UDP out."`
	Hosts      []string    `yaml:"hosts" doc:"Further addresses or host names to offer to publishers, such as the router's public one. Names are looked up for every publisher."`
	OnlyHosts  bool        `yaml:"only_hosts" doc:"Offer hosts alone, not the addresses of this machine's interfaces: behind a 1:1 NAT, or in a container."`
	ICEServers []ICEServer `yaml:"ice_servers" doc:"STUN and TURN servers that publishers are told of, as Link headers. OBS takes no turns: address."`
}

// ICEServer configures a STUN or TURN server.
type ICEServer struct {
	URL        string `yaml:"url" doc:"stun:host:port, turn:host:port?transport=udp, or stuns: and turns: for TLS."`
	Username   string `yaml:"username" doc:"User name for TURN."`
	Credential Secret `yaml:"credential" doc:"Password for TURN. Every publisher with a token is told it."`
}

// NATS configures the bus.
type NATS struct {
	URL       Secret `yaml:"url" doc:"Address of a NATS server or cluster with JetStream. Empty: the embedded server."`
	CredsFile string `yaml:"creds_file" doc:"Credentials file for that cluster."`
	Replicas  int    `yaml:"replicas" doc:"Copies of each stream that the cluster keeps, 1 to 5."`
}

// S3 configures the store.
type S3 struct {
	Endpoint  string `yaml:"endpoint" doc:"http(s)://host:port of an S3 service. Empty: the embedded store."`
	Bucket    string `yaml:"bucket" doc:"Bucket; made when it is missing."`
	Region    string `yaml:"region" doc:"Region that requests are signed for."`
	AccessKey string `yaml:"access_key" doc:"Access key. Empty with the embedded store: one is made."`
	SecretKey Secret `yaml:"secret_key" doc:"Secret key. Empty with the embedded store: one is made."`
	Token     Secret `yaml:"session_token" doc:"Session token of temporary keys. Empty: the keys are lasting ones."`
	Listen    string `yaml:"listen" doc:"host:port at which the embedded store serves roles in other processes. Empty: this process alone."`
}

// Models configures the networks.
type Models struct {
	Dir      string `yaml:"dir" doc:"Folder of the network files. Empty: models in data_dir."`
	Engine   string `yaml:"engine" enum:"auto,deep,classic" doc:"deep: networks; classic: OpenCV's cascade and local binary patterns; auto: deep when its files are there."`
	Embedder string `yaml:"embedder" doc:"Name of the embedding network in the manifest. Empty: SFace, or the only one in the folder."`
	Runtime  string `yaml:"runtime" enum:"auto,onnxruntime,opencv" doc:"What runs the networks: onnxruntime: a library that is loaded, and finds faces faster; opencv: OpenCV's own code; auto: onnxruntime when its library is there."`
	Library  string `yaml:"library" doc:"ONNX Runtime's shared library. Empty: libonnxruntime.so.1 beside the executable, in /usr/lib/vigil, in /usr/local/lib, or where the loader finds it."`
}

// Quality configures the limits of faces. The reasons for its defaults are measurements: see vision.Limits.
type Quality struct {
	MinEyeDistance    float64       `yaml:"min_eye_distance" doc:"Pixels between the eyes of a good face, 1 to 500. Networks see 35; below 16 more than half of what they look at is interpolated."`
	MaxYaw            float64       `yaml:"max_yaw" doc:"Degrees that a good face may be turned aside, 1 to 90. Beyond 35 an eye or a cheek is hidden."`
	MaxPitch          float64       `yaml:"max_pitch" doc:"Degrees that a good face may look up or down, 1 to 90. Beyond 35 the forehead or the chin is hidden."`
	MinSharpness      float64       `yaml:"min_sharpness" doc:"Detail of a good face beyond its noise, 0 to 10000. Missed focus and motion lie below 12, with noise or without, photos above 21."`
	MinLight          float64       `yaml:"min_light" doc:"Mean grey of a good face at least, 0 to 1. Below 0.08 features drown."`
	MaxLight          float64       `yaml:"max_light" doc:"Mean grey of a good face at most, 0 to 1. Above 0.95 they are burnt out."`
	MinInside         float64       `yaml:"min_inside" doc:"Part of a good face that lies inside the picture, 0 to 1. A cut cheek, chin or forehead makes somebody else of it."`
	MinDetector       float64       `yaml:"min_detector" doc:"The detector's own score of a good face, 0 to 1. Whole faces have 0.86 and more, halves of faces less."`
	MinScore          float64       `yaml:"min_score" doc:"All of it in one number for a good face, 0 to 1. Several small faults add up."`
	UsableEyeDistance float64       `yaml:"usable_eye_distance" doc:"Pixels between the eyes of a usable face, at most min_eye_distance."`
	UsableYaw         float64       `yaml:"usable_yaw" doc:"Degrees that a usable face may be turned aside, max_yaw to 90."`
	UsablePitch       float64       `yaml:"usable_pitch" doc:"Degrees that a usable face may look up or down, max_pitch to 90."`
	UsableInside      float64       `yaml:"usable_inside" doc:"Part of a usable face that lies inside the picture, at most min_inside."`
	AgreeWithin       time.Duration `yaml:"agree_within" doc:"How far apart two good faces may lie that make an unknown, 200ms to 1m: later ones may be somebody else's."`
}

// Camera configures one camera.
type Camera struct {
	ID           string `yaml:"id" doc:"1 to 63 of a-z, 0-9 and -."`
	URL          Secret `yaml:"url" doc:"rtsp:// or rtsps:// address to pull from."`
	Transport    string `yaml:"transport" enum:"auto,tcp,udp" doc:"How url's video comes: tcp; udp: and over TCP when none comes within 3 s; auto: over TCP, and UDP when the camera refuses TCP. rtsps:// runs over TCP."`
	DetectURL    Secret `yaml:"detect_url" doc:"rtsp:// or rtsps:// address of the same view in smaller pictures, beside url: faces are searched there, and looked at, recorded and shown in url's. transport and tls_fingerprint hold for both."`
	Fingerprint  string `yaml:"tls_fingerprint" doc:"SHA-256 of the certificate that the camera at an rtsps:// url shows, in hexadecimal: it is trusted, and no other. Empty: the system's certificate authorities decide."`
	PublishToken Secret `yaml:"publish_token" doc:"Token with which the camera may publish: RTSP's password, WHIP's bearer token."`
	Zones        []Zone `yaml:"zones" doc:"Areas of the picture that rules may name."`
}

// People configures who is known, and how sure Vigil must be of it.
type People struct {
	FalseAccept float64  `yaml:"false_accept" doc:"Probability that one stranger is taken for anybody enrolled, 0.00001 to 0.5; the threshold follows from it, the model and the number of photos. Lower: fewer strangers pass, and more often somebody enrolled raises an alert."`
	Known       []Person `yaml:"known" doc:"The people."`
}

// UnmarshalYAML takes the list of the people as well as the map.
func (p *People) UnmarshalYAML(decode func(any) error) error {
	var shape any
	if err := decode(&shape); err != nil {
		return err
	}
	if _, isList := shape.([]any); isList {
		return decode(&p.Known)
	}
	type plain People // without this method
	return decode((*plain)(p))
}

// Person configures somebody who is known.
type Person struct {
	Name   string   `yaml:"name" doc:"As alerts and the console show it."`
	Photos string   `yaml:"photos" doc:"Folder of photos, one face each. Empty: of somebody enrolled by the command line or the console."`
	Groups []string `yaml:"groups" doc:"Groups that rules may name, each 1 to 63 of a-z, 0-9 and -."`
}

// Endpoint configures a receiver of webhooks.
type Endpoint struct {
	ID           string `yaml:"id" doc:"1 to 63 of a-z, 0-9 and -."`
	URL          string `yaml:"url" doc:"http(s) address that events are posted to."`
	Secret       Secret `yaml:"secret" doc:"Standard Webhooks secret: whsec_ and base64 of 24 to 64 bytes, or whsk_ and base64 of an Ed25519 private key of 32 or 64."`
	Previous     Secret `yaml:"previous_secret" doc:"The secret before, while the receiver changes to the new one: both sign. Empty: none."`
	Format       string `yaml:"format" enum:"standard,cloudevents" doc:"standard: type, timestamp and data; cloudevents: the same in the structured envelope of CloudEvents 1.0.2. Empty: standard."`
	AllowPrivate bool   `yaml:"allow_private" doc:"Permit addresses of this machine and of private networks."`
}

// Alerts configures visits.
type Alerts struct {
	VisitGap time.Duration `yaml:"visit_gap" doc:"A stranger who is away this long has left; the next sighting is another visit. 3s to 1h."`
}

// Clips configures what a clip covers.
type Clips struct {
	PreRoll  time.Duration `yaml:"pre_roll" doc:"Video in front of the first sighting, at most 30s."`
	PostRoll time.Duration `yaml:"post_roll" doc:"Video behind the last sighting, at most 30s."`
}

// Default is the configuration of a machine without a file.
func Default() Config {
	return Config{
		DataDir: "./data",
		HTTP:    HTTP{Listen: "127.0.0.1:8080"},
		RTSP:    RTSP{Listen: "127.0.0.1:8554", TLSListen: "127.0.0.1:8322"},
		WebRTC:  WebRTC{UDP: ":8189"},
		NATS:    NATS{Replicas: 1},
		S3:      S3{Bucket: "vigil", Region: "us-east-1"},
		Models:  Models{Engine: "auto", Runtime: "auto"},
		People:  People{FalseAccept: 0.003},
		Quality: Quality{
			MinEyeDistance: 16, MaxYaw: 35, MaxPitch: 35, MinSharpness: 12, MinLight: 0.08, MaxLight: 0.95, MinInside: 0.85,
			MinDetector: 0.75, MinScore: 0.1,
			UsableEyeDistance: 12, UsableYaw: 50, UsablePitch: 50, UsableInside: 0.7, AgreeWithin: 6 * time.Second,
		},
		MQTT:   MQTT{Prefix: "vigil", Discovery: "homeassistant"},
		Alerts: Alerts{VisitGap: 30 * time.Second},
		Clips:  Clips{PreRoll: 5 * time.Second, PostRoll: 5 * time.Second},
		Retention: Retention{
			Fragments: Age(15 * time.Minute), FragmentsBytes: 4 << 30,
			Clips: 30 * day, ClipsBytes: 50_000_000_000, Shots: 14 * day, Alerts: 30 * day, Audit: 365 * day,
		},
	}
}

// redacted is what is shown in place of a secret.
const redacted = "***"

// Secret is a value that must not be shown. Every way of printing it shows stars, or, of an address, all but the
// user and the password.
type Secret string

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	scheme, rest, ok := strings.Cut(string(s), "://")
	if !ok {
		return redacted
	}
	user := ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 { // passwords may hold any character
		user, rest = redacted+"@", rest[at+1:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + user + rest
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps the value out of YAML, JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
