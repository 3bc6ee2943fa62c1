package config

import (
	"strings"
	"testing"
)

func TestWebRTC(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"everything", `{ hosts: [203.0.113.7, "fd00::1", cams.example.net], only_hosts: true,
			ice_servers: [{ url: "stun:stun.example.net:3478" }, { url: "turn:[fd00::1]:3478?transport=udp", username: u, credential: p }] }`, ""},
		{"no host", `{ hosts: ["no host!"] }`, `webrtc.hosts[0]: "no host!"`},
		{"a URL for a host", `{ hosts: [a.example, "http://a.example"] }`, "webrtc.hosts[1]"},
		{"only none", `{ only_hosts: true }`, "webrtc.only_hosts: needs webrtc.hosts"},
		{"no ICE server", `{ ice_servers: [{ url: "http://a.example" }] }`, "webrtc.ice_servers[0].url"},
		{"two ICE servers in one", `{ ice_servers: [{ url: "stun:a,stun:b" }] }`, "webrtc.ice_servers[0].url"},
		{"a user name that ends the header", `{ ice_servers: [{ url: "turn:a", username: "x\"y" }] }`, "webrtc.ice_servers[0].username"},
		{"a credential that ends the header", `{ ice_servers: [{ url: "turn:a", credential: "geheim,x" }] }`, "webrtc.ice_servers[0].credential"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Load(write(t, "webrtc: "+c.text+"\n"), nil)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim")):
				t.Errorf("got %v, want %q and no secret", err, c.want)
			}
		})
	}
}

func TestICEServersFromEnvironment(t *testing.T) {
	cfg, warnings, err := Load(write(t, ""), []string{
		"VIGIL_WEBRTC_ICE_SERVERS_0_URL=turn:turn.example.net:3478", "VIGIL_WEBRTC_ICE_SERVERS_0_CREDENTIAL=geheim",
		"VIGIL_WEBRTC_ONLY_HOSTS=true", "VIGIL_WEBRTC_HOSTS=a.example,203.0.113.7",
	})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", err, warnings)
	}
	if w := cfg.WebRTC; len(w.ICEServers) != 1 || w.ICEServers[0].Credential.Reveal() != "geheim" || !w.OnlyHosts || len(w.Hosts) != 2 {
		t.Errorf("got %+v", w)
	}
}
