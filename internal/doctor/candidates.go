package doctor

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Offer is what decides which addresses publishers over WebRTC are told.
type Offer struct {
	UDP       string   // webrtc.udp
	Hosts     []string // webrtc.hosts
	NICs      []NIC
	Container bool // the program runs in a container
}

// NIC is a network interface that is up.
type NIC struct {
	Name  string
	Addrs []netip.Addr
}

// NICs are this machine's.
func NICs() ([]NIC, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []NIC
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		nic := NIC{Name: i.Name}
		addrs, err := i.Addrs()
		if err != nil {
			continue // the interface has just gone
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				nic.Addrs = append(nic.Addrs, prefix.Addr())
			}
		}
		all = append(all, nic)
	}
	return all, nil
}

// InContainer says whether Docker or Podman say so.
func InContainer() bool {
	return slices.ContainsFunc([]string{"/.dockerenv", "/run/.containerenv"}, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// bridges are the beginnings of the names of interfaces that lead to containers and virtual machines only.
var bridges = []string{"docker", "br-", "veth", "virbr", "cni", "podman", "lxcbr", "lxdbr", "flannel", "cali"}

// dockerNetworks is where Docker takes the addresses of its bridges from.
var dockerNetworks = netip.MustParsePrefix("172.16.0.0/12")

// Candidates looks whether publishers over WebRTC, such as browsers and OBS, are told an address that they can reach.
func Candidates(o Offer) []Finding {
	for _, h := range o.Hosts {
		if _, err := netip.ParseAddr(h); err != nil {
			return []Finding{problem("write the address itself", "webrtc.hosts: %q is not an IP address", h)}
		}
	}
	host, _, err := net.SplitHostPort(o.UDP)
	if err != nil {
		return []Finding{problem("write host:port or :port", "webrtc.udp: %q is not host:port", o.UDP)}
	}
	var outward, inward []string
	for _, nic := range o.NICs {
		for _, a := range nic.Addrs {
			if !offered(host, a) {
				continue
			}
			if o.inward(nic.Name, a) {
				inward = append(inward, a.String())
			} else {
				outward = append(outward, a.String())
			}
		}
	}
	if outward = append(slices.Clone(o.Hosts), outward...); len(outward) > 0 {
		return []Finding{ok("publishers are told %s", strings.Join(outward, ", "))}
	}
	do := "set webrtc.hosts to the address at which other machines reach this one"
	switch {
	case len(inward) == 0:
		return []Finding{problem("set webrtc.udp to :8189 or to an address that `ip addr` shows", "webrtc.udp: publishers are told no address")}
	case host != "" && host != "0.0.0.0" && host != "::":
		do = "set webrtc.udp to :8189 if other machines are to publish"
	case o.Container:
		do = "run the container with the host's network (--network host), or " + do
	}
	return []Finding{warning(do, "webrtc.udp: publishers are told %s only, which other machines cannot reach", strings.Join(inward, ", "))}
}

// offered says whether a listener at host takes what comes to addr. Addresses of one link only are never offered in IPv6.
func offered(host string, addr netip.Addr) bool {
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		return false
	}
	at, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return host == "" || host == "localhost" && addr.IsLoopback()
	case at.IsUnspecified():
		return at.Is6() || addr.Is4()
	}
	return at.Unmap() == addr.Unmap()
}

// inward says whether only this machine, and what runs on it, reaches the address.
func (o Offer) inward(nic string, addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsLinkLocalUnicast() || o.Container && dockerNetworks.Contains(addr) ||
		slices.ContainsFunc(bridges, func(b string) bool { return strings.HasPrefix(nic, b) })
}
