package frames

import "time"

// CameraState is what the ingest role says of a camera, for the console, the command line and metrics.
type CameraState struct {
	Camera    CameraID  `json:"camera"`
	Online    bool      `json:"online"`
	Since     time.Time `json:"since"`      // when Online last changed
	Source    string    `json:"source"`     // "rtsp pull", "rtsp publish", "whip"; never an address with credentials
	Codec     Codec     `json:"codec"`      // empty until the first key frame
	Width     int       `json:"width"`      // pixels
	Height    int       `json:"height"`     // pixels
	Bitrate   int       `json:"bitrate"`    // bits a second over the last seconds
	Rate      float64   `json:"rate"`       // access units a second over the last seconds
	GOP       float64   `json:"gop"`        // seconds between the latest two key frames; 0 until there are two
	Units     int64     `json:"units"`      // access units taken since the process began
	Dropped   int64     `json:"dropped"`    // access units that could not be recorded, since the process began
	Lost      int64     `json:"lost"`       // packets that never came, since the process began
	LastUnit  time.Time `json:"last_unit"`  // when the latest access unit came; zero before the first
	LastError string    `json:"last_error"` // why the last connection failed or ended; empty when it never did
	Updated   time.Time `json:"updated"`

	Detect *DetectState `json:"detect,omitempty"` // of the stream for analysis; nil for a camera without one
}

// DetectState is what the ingest role says of the smaller stream that a camera sends for analysis. It is not changed
// once it is part of a CameraState.
type DetectState struct {
	Online    bool      `json:"online"`
	Since     time.Time `json:"since"`      // when Online last changed
	Codec     Codec     `json:"codec"`      // empty until the first key frame
	Width     int       `json:"width"`      // pixels
	Height    int       `json:"height"`     // pixels
	Bitrate   int       `json:"bitrate"`    // bits a second over the last seconds
	Rate      float64   `json:"rate"`       // access units a second over the last seconds
	LastError string    `json:"last_error"` // why the last connection failed or ended; empty when it never did
}

// StaleState is how old a state may be: it is renewed every two seconds.
const StaleState = 15 * time.Second

// At is the state as it is believed at now: one that nobody renews is not.
func (s CameraState) At(now time.Time) CameraState {
	if s.Online && now.Sub(s.Updated) > StaleState {
		s.Online, s.Since, s.Bitrate, s.Rate = false, s.Updated, 0, 0
		s.LastError = "the ingest role has said nothing for a while"
		if s.Detect != nil {
			detect := *s.Detect
			detect.Online, detect.Bitrate, detect.Rate, detect.LastError = false, 0, 0, s.LastError
			s.Detect = &detect
		}
	}
	return s
}
