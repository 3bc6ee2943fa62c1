package web

import (
	"fmt"
	"slices"
	"time"

	"vigil/frames"
)

// Role is how much somebody may do. A higher one may do all that a lower one may.
type Role int

// The roles. Those of tokens are Viewer, Operator and Admin; a viewer's token that names cameras is a CameraViewer.
const (
	Open         Role = iota // anybody who reaches the listener
	CameraViewer             // reads what is of their cameras
	Viewer                   // reads
	Operator                 // reviews, names and enrols as well
	Admin                    // does everything
)

var roleNames = []string{"open", "camera", "viewer", "operator", "admin"}

// String implements fmt.Stringer.
func (r Role) String() string { return roleNames[r] }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the role of a token.
func (r *Role) UnmarshalText(text []byte) error {
	at := slices.Index(roleNames, string(text))
	if Role(at) < Viewer {
		return fmt.Errorf("role %q: want viewer, operator or admin", text)
	}
	*r = Role(at)
	return nil
}

// Token is who asks, without what proves it.
type Token struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Role      Role              `json:"role"`
	Cameras   []frames.CameraID `json:"cameras"` // only of a viewer: those that it may see; empty: all
	Created   time.Time         `json:"created"`
	CreatedBy string            `json:"created_by"`
}

// KeptToken is a token as it is kept: with the hash of its secret.
type KeptToken struct {
	Token
	Hash TokenHash `json:"hash"`
}

// rank is the role, less for one that is limited to cameras.
func (t Token) rank() Role {
	if len(t.Cameras) > 0 {
		return min(t.Role, CameraViewer)
	}
	return t.Role
}

// sees says whether what is of the camera exists for the token.
func (t Token) sees(camera frames.CameraID) bool {
	return len(t.Cameras) == 0 || slices.Contains(t.Cameras, camera)
}

// check says what is wrong with a token that is to be made.
func (t Token) check() error {
	if t.Name == "" || len(t.Name) > maxTokenName {
		return Refused{fmt.Sprintf("name has %d bytes, want 1 to %d", len(t.Name), maxTokenName)}
	}
	if t.Role < Viewer {
		return Refused{"role is missing: want viewer, operator or admin"}
	}
	if len(t.Cameras) > 0 && t.Role != Viewer {
		return Refused{fmt.Sprintf("cameras limit viewers only, and role is %q", t.Role)}
	}
	for _, camera := range t.Cameras {
		if _, err := frames.ParseCameraID(string(camera)); err != nil {
			return Refused{"cameras: " + err.Error()}
		}
	}
	return nil
}
