package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"vigil/internal/onvif"
)

const passwordVariable = "VIGIL_CAMERA_PASSWORD"

type camerasDiscover struct {
	Address      []string      `placeholder:"HOST" help:"Ask this host, host:port or network, such as 10.0.0.0/24, instead of all networks that this machine is in. May be given several times."`
	User         string        `env:"VIGIL_CAMERA_USER" help:"User to list the streams as. Whatever answers is asked as this user; the password goes as a digest."`
	PasswordFile string        `type:"path" placeholder:"FILE" help:"File with the password. Default: VIGIL_CAMERA_PASSWORD, or a prompt."`
	Secrets      string        `type:"path" placeholder:"DIR" xor:"where" help:"Leave the addresses with user and password in files of this folder."`
	Plain        bool          `xor:"where" help:"Print user and password in plain text."`
	Wait         time.Duration `default:"3s" help:"How long to wait for cameras that answer."`
}

// maxTargets bounds how many addresses are tried: a network of 10 bits.
const maxTargets = 1024

// answered is a device with what it said, or why it did not.
type answered struct {
	onvif.Camera
	err error
}

// Run prints the lines for the configuration of the cameras that it finds.
func (c camerasDiscover) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	targets, err := c.targets(ctx)
	if err != nil {
		return err
	}
	who := onvif.Credentials{User: c.User}
	if who.User != "" {
		if who.Password, err = c.password(g); err != nil {
			return err
		}
	}
	devices, err := c.find(ctx, targets)
	if err != nil {
		return err
	}
	if len(devices) == 0 && len(targets) == 0 {
		return errors.New("no camera answered: discovery reaches this machine's own networks only, and needs the host's " +
			"network in a container; name addresses with --address, and see whether ONVIF is enabled in the cameras")
	}
	if len(devices) == 0 {
		return errors.New("no camera answered at these addresses: see whether ONVIF is enabled, and at which port")
	}
	slices.SortFunc(devices, func(a, b onvif.Device) int {
		return cmp.Or(a.Addr.Compare(b.Addr), strings.Compare(a.Service, b.Service))
	})
	cameras := askAll(ctx, devices, who)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	sheet := newSheet(cfg, who)
	for _, camera := range cameras {
		sheet.add(camera)
	}
	if c.Secrets != "" {
		if err := sheet.leaveSecrets(c.Secrets); err != nil {
			return err
		}
	}
	if g.JSON {
		err = sheet.printJSON(g, c)
	} else {
		sheet.print(g, c)
	}
	return errors.Join(err, failure(cameras))
}

// failure is why no device told of its video.
func failure(cameras []answered) error {
	var errs []error
	for _, c := range cameras {
		if c.err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("camera at %s: %w", c.Device.Addr, c.err))
	}
	if errors.Is(errs[0], onvif.ErrCredentials) {
		errs = append(errs, errors.New("name another user with --user"))
	}
	return errors.Join(errs...)
}

// password takes the password from where nobody else sees it.
func (c camerasDiscover) password(g *Globals) (onvif.Secret, error) {
	if c.PasswordFile != "" {
		text, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		return onvif.Secret(strings.TrimRight(string(text), "\r\n")), nil
	}
	for _, e := range g.environ {
		if value, ok := strings.CutPrefix(e, passwordVariable+"="); ok {
			return onvif.Secret(value), nil
		}
	}
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return "", fmt.Errorf("user %s has no password: set %s, or name a file with --password-file", c.User, passwordVariable)
	}
	_, _ = fmt.Fprintf(g.err, "Password of %s: ", c.User)
	text, err := term.ReadPassword(stdin)
	_, _ = fmt.Fprintln(g.err)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return onvif.Secret(text), nil
}

// target is an address to ask. Port 0: the usual ones.
type target = netip.AddrPort

// targets reads --address.
func (c camerasDiscover) targets(ctx context.Context) ([]target, error) {
	var all []target
	for _, text := range c.Address {
		some, err := resolve(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("--address %s: %w", text, err)
		}
		if all = append(all, some...); len(all) > maxTargets {
			return nil, fmt.Errorf("--address %s: more than %d addresses in all", text, maxTargets)
		}
	}
	return all, nil
}

func resolve(ctx context.Context, text string) ([]target, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, errors.New("want a network such as 10.0.0.0/24")
		}
		return hosts(prefix)
	}
	host, port := text, uint64(0)
	if h, p, err := net.SplitHostPort(text); err == nil {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return nil, errors.New("the port is not a number from 1 to 65535")
		}
		host = h
	}
	// The name is looked up this once: what it names later is another host.
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", strings.Trim(host, "[]"))
	if err != nil {
		return nil, err
	}
	best := ips[0]
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			best = ip
			break
		}
	}
	return []target{netip.AddrPortFrom(best.Unmap(), uint16(port))}, nil
}

// hosts are the addresses of a network that hosts can have.
func hosts(network netip.Prefix) ([]target, error) {
	size := network.Addr().BitLen() - network.Bits()
	if size > 10 {
		return nil, fmt.Errorf("a network of more than %d addresses", maxTargets)
	}
	var all []target
	for a := network.Masked().Addr(); network.Contains(a); a = a.Next() {
		all = append(all, netip.AddrPortFrom(a, 0))
	}
	if network.Addr().Is4() && size > 1 {
		all = all[1 : len(all)-1] // the network's own and its broadcast
	}
	return all, nil
}

// find looks for devices: everywhere, or at the targets, first by probes and then straight at their device service.
func (c camerasDiscover) find(ctx context.Context, targets []target) ([]onvif.Device, error) {
	if len(targets) == 0 {
		networks, err := onvif.Networks()
		if err != nil || len(networks) == 0 {
			return nil, errors.Join(err, errors.New("this machine is in no network with multicast: name addresses with --address"))
		}
		return onvif.Multicast(ctx, networks, c.Wait)
	}
	var probes []netip.AddrPort
	for _, t := range targets {
		if t.Port() == 0 {
			probes = append(probes, netip.AddrPortFrom(t.Addr(), onvif.Port))
		}
	}
	var devices []onvif.Device
	answers := map[netip.Addr]bool{}
	if len(probes) > 0 {
		found, err := onvif.Unicast(ctx, probes, c.Wait)
		if err != nil && len(targets) == 1 {
			return nil, err
		}
		for _, d := range found {
			answers[d.Addr] = true
		}
		devices = found
	}
	var mu sync.Mutex
	var tasks errgroup.Group
	tasks.SetLimit(64)
	for _, t := range targets {
		if t.Port() == 0 {
			if answers[t.Addr()] {
				continue
			}
			t = netip.AddrPortFrom(t.Addr(), 80)
		}
		tasks.Go(func() error {
			if d, err := onvif.At(ctx, t); err == nil {
				mu.Lock()
				defer mu.Unlock()
				devices = append(devices, d)
			}
			return nil
		})
	}
	return devices, tasks.Wait()
}

// askAll asks the devices for their video, some at a time.
func askAll(ctx context.Context, devices []onvif.Device, who onvif.Credentials) []answered {
	cameras := make([]answered, len(devices))
	var tasks errgroup.Group
	tasks.SetLimit(16)
	for i, d := range devices {
		tasks.Go(func() error {
			camera, err := onvif.Ask(ctx, d, who)
			cameras[i] = answered{camera, err}
			return nil
		})
	}
	_ = tasks.Wait() // what fails is told with its device
	return cameras
}
