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
	LastError string    `json:"last_error"` // why the last connection failed or ended; empty when it never did
	Updated   time.Time `json:"updated"`
}
