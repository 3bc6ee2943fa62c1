package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"

	"golang.org/x/sys/unix"
)

// Listener is an address that Vigil takes.
type Listener struct {
	Key      string   // of the configuration
	Address  string   // host:port
	Networks []string // "tcp", "udp"
	Ours     bool     // the running Vigil is believed to hold it
}

// Listeners looks whether the addresses can be taken, by taking them for a moment.
func Listeners(ctx context.Context, listeners []Listener) []Finding {
	var all []Finding
	for _, l := range listeners {
		all = append(all, l.look(ctx))
	}
	return all
}

func (l Listener) look(ctx context.Context) Finding {
	for _, network := range l.Networks {
		err := take(ctx, network, l.Address)
		switch {
		case err == nil:
			continue
		case errors.Is(err, unix.EADDRINUSE) && l.Ours:
			return ok("%s: %s is held by the running vigil", l.Key, l.Address)
		case errors.Is(err, unix.EADDRINUSE):
			return problem("find it with `ss -lnp` and stop it, or change "+l.Key+"; a vigil of yours on another data folder or "+
				"with other roles is no mistake", "%s: %s %s is held by another program", l.Key, network, l.Address)
		case errors.Is(err, unix.EACCES):
			return problem("choose a port from 1024 on, or give the program CAP_NET_BIND_SERVICE",
				"%s: this user may not take %s %s", l.Key, network, l.Address)
		case errors.Is(err, unix.EADDRNOTAVAIL):
			return problem("change "+l.Key+" to an address that `ip addr` shows", "%s: %s is no address of this machine", l.Key, l.Address)
		default:
			return problem("change "+l.Key, "%s: %v", l.Key, err)
		}
	}
	if l.Ours {
		return ok("%s: %s is free, though vigil runs: with other roles, or with an older configuration", l.Key, l.Address)
	}
	return ok("%s: %s is free", l.Key, l.Address)
}

// take binds the address and lets it go.
func take(ctx context.Context, network, address string) error {
	var listen net.ListenConfig
	var held io.Closer
	var err error
	if network == "udp" {
		held, err = listen.ListenPacket(ctx, network, address)
	} else {
		held, err = listen.Listen(ctx, network, address)
	}
	if err != nil {
		return err
	}
	return held.Close()
}

// AnyPort says whether the address leaves the port to the system.
func AnyPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	n, err2 := strconv.Atoi(port)
	return err == nil && err2 == nil && n == 0
}

// SamePort says whether two host:port name one port, and one that is not the system's choice.
func SamePort(a, b string) bool {
	_, p, err := net.SplitHostPort(a)
	_, q, err2 := net.SplitHostPort(b)
	return err == nil && err2 == nil && p == q && !AnyPort(a)
}
