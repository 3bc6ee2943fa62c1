package onvif

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Port is where devices listen for probes (WS-Discovery 1.0, 2.4).
const Port = 3702

const (
	maxDevices  = 4096
	maxDatagram = 64 << 10
	// again is when the probe is sent a second time: datagrams get lost (WS-Discovery 1.0, appendix I).
	again = 500 * time.Millisecond
)

// group is WS-Discovery's multicast address.
var group = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), Port)

// probe asks for cameras. It names no scope, so that all of them answer.
const probe = `<?xml version="1.0" encoding="UTF-8"?>` +
	`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"` +
	` xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
	` xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"` +
	` xmlns:dn="http://www.onvif.org/ver10/network/wsdl">` +
	`<e:Header><w:MessageID>%s</w:MessageID>` +
	`<w:To e:mustUnderstand="true">urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>` +
	`<w:Action e:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>` +
	`<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>`

// Networks are the IPv4 addresses of this machine at which multicast can be sent, one for each network.
func Networks() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var all []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // the interface has just gone
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() {
				all = append(all, prefix.Addr())
				break
			}
		}
	}
	return all, nil
}

// Multicast asks all cameras in the networks that this machine is in, by its own address in each, and returns those that
// answered within wait. It reaches no further than a router does, and out of no container without the host's network.
func Multicast(ctx context.Context, networks []netip.Addr, wait time.Duration) ([]Device, error) {
	return multicast(ctx, networks, group, wait)
}

func multicast(ctx context.Context, networks []netip.Addr, group netip.AddrPort, wait time.Duration) ([]Device, error) {
	var all found
	var tasks errgroup.Group
	failures := make([]error, len(networks))
	for i, network := range networks {
		tasks.Go(func() error {
			if err := all.ask(ctx, network, []netip.AddrPort{group}, wait); err != nil {
				failures[i] = fmt.Errorf("probe from %s: %w", network, err)
			}
			return nil
		})
	}
	_ = tasks.Wait() // the failures are kept
	if err := errors.Join(failures...); err != nil && len(all.devices) == 0 {
		return nil, err
	}
	return all.devices, nil
}

// Unicast asks the addresses, each by a datagram of its own, and returns the devices that answered within wait.
func Unicast(ctx context.Context, targets []netip.AddrPort, wait time.Duration) ([]Device, error) {
	var all found
	if err := all.ask(ctx, netip.Addr{}, targets, wait); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return all.devices, nil
}

// found collects devices, each once.
type found struct {
	mu      sync.Mutex
	devices []Device
	seen    map[string]bool
}

func (f *found) add(devices []Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	for _, d := range devices {
		if !f.seen[d.Service] && len(f.devices) < maxDevices {
			f.seen[d.Service] = true
			f.devices = append(f.devices, d)
		}
	}
}

// ask probes the targets from the local address, any when it is not valid, and takes answers until wait is over.
func (f *found) ask(ctx context.Context, from netip.Addr, targets []netip.AddrPort, wait time.Duration) error {
	local := net.UDPAddr{}
	if from.IsValid() {
		local.IP = from.AsSlice()
	}
	conn, err := net.ListenUDP("udp", &local)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is written any more
	if from.IsValid() {
		if err := sendFrom(conn, from); err != nil {
			return err
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })()
	id := messageID()
	message := fmt.Appendf(nil, probe, id)
	if err := send(conn, message, targets); err != nil {
		return err
	}
	second := time.AfterFunc(again, func() { _ = send(conn, message, targets) })
	defer second.Stop()
	return f.receive(conn, id)
}

// receive takes answers until the deadline.
func (f *found) receive(conn *net.UDPConn, id string) error {
	buffer := make([]byte, maxDatagram)
	for {
		n, sender, err := conn.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, unix.ECONNREFUSED):
			continue // one of the targets has nobody there
		case err != nil:
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				return nil
			}
			return err
		}
		devices, err := parseMatches(buffer[:n], id, sender.Addr())
		if err == nil { // what is no answer to us is somebody else's
			f.add(devices)
		}
	}
}

// sendFrom chooses the network for multicast by this machine's address in it.
func sendFrom(conn *net.UDPConn, from netip.Addr) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, from.As4())
	})
	return errors.Join(err, failed)
}

// send sends the message to all. It fails when it reached nobody.
func send(conn *net.UDPConn, message []byte, targets []netip.AddrPort) error {
	var failed error
	sent := 0
	for _, t := range targets {
		if _, err := conn.WriteToUDPAddrPort(message, t); err != nil {
			failed = err
			continue
		}
		sent++
	}
	if sent > 0 {
		return nil
	}
	return failed
}

func messageID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, 5.4
	return fmt.Sprintf("uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// matches is the body of the answer to a probe.
type matches struct {
	XMLName xml.Name `xml:"ProbeMatches"`
	Match   []struct {
		Scopes string
		XAddrs string
	} `xml:"ProbeMatch"`
}

// parseMatches reads an answer to the probe of that id, which came from addr.
func parseMatches(datagram []byte, id string, addr netip.Addr) ([]Device, error) {
	answer, relatesTo, err := parse[matches](datagram)
	if err != nil {
		return nil, err
	}
	if bareID(relatesTo) != bareID(id) {
		return nil, errors.New("answer to another probe")
	}
	addr = addr.Unmap()
	var devices []Device
	for _, m := range answer.Match {
		d := Device{Addr: addr}
		d.Name, d.Hardware = scope(m.Scopes, "name"), scope(m.Scopes, "hardware")
		announced := strings.Fields(m.XAddrs)
		d.Service = chooseService(announced, addr)
		if d.Service == "" {
			d.Service = deviceService(netip.AddrPortFrom(addr, 80))
			d.Warnings = append(d.Warnings, "it answers from "+addr.String()+" and announces other addresses only: "+
				clean(strings.Join(announced, " ")))
		}
		devices = append(devices, d)
	}
	return devices, nil
}

// chooseService picks the announced address at which the device answered: plain HTTP where there is a choice, for
// cameras' certificates are of their own making.
func chooseService(announced []string, addr netip.Addr) (chosen string) {
	for _, a := range announced {
		address, believed := service(a, addr, "")
		if believed && (chosen == "" || strings.HasPrefix(address, "http://") && !strings.HasPrefix(chosen, "http://")) {
			chosen = address
		}
	}
	return chosen
}

// bareID is an id without what devices add to it or leave out.
func bareID(id string) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimPrefix(strings.ToLower(id), "urn:")), "uuid:")
}

// scope reads one of the words with which devices describe themselves (ONVIF Core Specification, 7.3.2.2).
func scope(scopes, word string) string {
	for s := range strings.FieldsSeq(scopes) {
		rest, ok := strings.CutPrefix(s, "onvif://www.onvif.org/"+word+"/")
		if !ok {
			continue
		}
		if plain, err := url.PathUnescape(rest); err == nil {
			rest = plain
		}
		return clean(rest)
	}
	return ""
}
