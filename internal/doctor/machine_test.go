package doctor

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"
)

func TestListeners(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close() //nolint:errcheck // a test's
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close() //nolint:errcheck // a test's
	taken, both := tcp.Addr().String(), []string{"udp", "tcp"}
	for name, tt := range map[string]struct {
		l     Listener
		level Level
		want  string
	}{
		"free":        {Listener{Address: "127.0.0.1:0", Networks: both}, OK, "is free"},
		"taken":       {Listener{Address: taken, Networks: []string{"tcp"}}, Problem, "another program"},
		"taken UDP":   {Listener{Address: udp.LocalAddr().String(), Networks: both}, Problem, "udp"},
		"ours":        {Listener{Address: taken, Networks: []string{"tcp"}, Ours: true}, OK, "held by the running vigil"},
		"not taken":   {Listener{Address: "127.0.0.1:0", Networks: []string{"tcp"}, Ours: true}, OK, "is free, though vigil runs"},
		"not here":    {Listener{Address: "192.0.2.77:0", Networks: both}, Problem, "no address of this machine"},
		"unspeakable": {Listener{Address: "127.0.0.1", Networks: both}, Problem, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.l.Key = "x.listen"
			only(t, Listeners(t.Context(), []Listener{tt.l})).want(t, tt.level, tt.want, "x.listen")
		})
	}
	if !SamePort("127.0.0.1:80", ":80") || SamePort(":0", ":0") || SamePort(":80", ":81") || SamePort("", "") || !AnyPort(":0") || AnyPort(":1") {
		t.Error("ports are compared wrongly")
	}
}

func TestCandidates(t *testing.T) {
	nic := func(name string, addrs ...string) NIC {
		n := NIC{Name: name}
		for _, a := range addrs {
			n.Addrs = append(n.Addrs, netip.MustParseAddr(a))
		}
		return n
	}
	lo, lan := nic("lo", "127.0.0.1", "::1"), nic("eth0", "192.168.1.5", "fe80::1")
	docker, inside := nic("docker0", "172.17.0.1"), nic("eth0", "172.17.0.2")
	for name, tt := range map[string]struct {
		offer Offer
		level Level
		want  string
	}{
		"LAN":              {Offer{UDP: ":8189", NICs: []NIC{lo, docker, lan}}, OK, "told 192.168.1.5"},
		"all of IPv4":      {Offer{UDP: "0.0.0.0:8189", NICs: []NIC{lo, nic("eth0", "2001:db8::5")}}, Warning, "127.0.0.1"},
		"loopback":         {Offer{UDP: "127.0.0.1:8189", NICs: []NIC{lo, lan}}, Warning, "127.0.0.1 only"},
		"loopback inside":  {Offer{UDP: "127.0.0.1:8189", NICs: []NIC{lo, inside}, Container: true}, Warning, "set webrtc.udp to :8189"},
		"bridges only":     {Offer{UDP: ":8189", NICs: []NIC{lo, docker}}, Warning, "172.17.0.1"},
		"container":        {Offer{UDP: ":8189", NICs: []NIC{lo, inside}, Container: true}, Warning, "--network host"},
		"container, hosts": {Offer{UDP: ":8189", Hosts: []string{"203.0.113.9"}, NICs: []NIC{lo, inside}, Container: true}, OK, "203.0.113.9"},
		"172.17 outside":   {Offer{UDP: ":8189", NICs: []NIC{lo, inside}}, OK, "172.17.0.2"},
		"one of two":       {Offer{UDP: "192.168.1.5:8189", NICs: []NIC{lo, lan, nic("eth1", "10.0.0.5")}}, OK, "told 192.168.1.5"},
		"nowhere":          {Offer{UDP: "10.9.9.9:8189", NICs: []NIC{lo, lan}}, Problem, "no address"},
		"hosts are names":  {Offer{UDP: ":8189", Hosts: []string{"vigil.example"}, NICs: []NIC{lan}}, Problem, "not an IP address"},
		"no port":          {Offer{UDP: "8189", NICs: []NIC{lan}}, Problem, "not host:port"},
	} {
		t.Run(name, func(t *testing.T) { only(t, Candidates(tt.offer)).want(t, tt.level, tt.want) })
	}
	if nics, err := NICs(); err != nil || len(nics) == 0 {
		t.Errorf("got %v, %v", nics, err)
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	kernel := func(state int, x unix.Timex, err error) func() (int, unix.Timex, error) {
		return func() (int, unix.Timex, error) { return state, x, err }
	}
	good := kernel(0, unix.Timex{Maxerror: 12_000}, nil)
	only(t, Clock(now, good)).want(t, OK, "12ms")
	only(t, Clock(time.Unix(0, 0), good)).want(t, Problem, "1970")
	only(t, Clock(now.AddDate(100, 0, 0), good)).want(t, Problem, "2126")
	only(t, Clock(now, kernel(5, unix.Timex{}, nil))).want(t, Warning, "not synchronised", "timedatectl")
	only(t, Clock(now, kernel(0, unix.Timex{Status: 0x40}, nil))).want(t, Warning, "not synchronised")
	only(t, Clock(now, kernel(0, unix.Timex{Maxerror: 2_500_000}, nil))).want(t, Warning, "off by 2.5s")
	only(t, Clock(now, kernel(-1, unix.Timex{}, unix.EPERM))).want(t, Warning, "not permitted")
	if _, _, err := Adjtimex(); err != nil && !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
}

func TestSpace(t *testing.T) {
	const declared = 6 << 30
	for _, tt := range []struct {
		free, holds, declared int64
		level                 Level
		want                  string
	}{
		{70 << 30, 0, declared, OK, "70 GiB free; streams take at most 6.0 GiB"},
		{3 << 30, 6 << 30, declared, OK, "3.0 GiB"}, // what the streams have already is theirs
		{4 << 30, 0, declared, Warning, "streams get 3.0 GiB of 6.0 GiB"},
		{512 << 20, 0, declared, Problem, "512 MiB free"},
		{512 << 20, 8 << 30, declared, Warning, "512 MiB free for clips"},
		{4 << 30, 0, 0, OK, "4.0 GiB"},
	} {
		space(tt.free, tt.holds, tt.declared).want(t, tt.level, tt.want)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := held(dir); got != 1000 {
		t.Errorf("got %d bytes, want 1000", got)
	}
	if got := held(filepath.Join(dir, "none")); got != 0 {
		t.Errorf("got %d bytes of nothing", got)
	}
	if f := only(t, Space(filepath.Join(dir, "not", "yet"), dir, 1<<60)); f.Level == OK {
		t.Errorf("got %+v for an exbibyte", f)
	}
	only(t, Space(filepath.Join(dir, "x"), dir, 0)).want(t, Problem, "not a folder")
}

func TestSync(t *testing.T) {
	dir := t.TempDir()
	if f := only(t, Sync(filepath.Join(dir, "not", "yet"))); f.Level == Problem {
		t.Errorf("got %+v", f)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	synced(3*time.Millisecond).want(t, OK, "3ms")
	synced(21*time.Millisecond).want(t, Warning, "21ms", "SSD")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	only(t, Sync(filepath.Join(file, "data"))).want(t, Problem, "data_dir")
	only(t, Sync("/proc")).want(t, Problem, "data_dir") // nobody may write there
}

func TestMemory(t *testing.T) {
	machine := func(availableMiB string, more map[string]string) fstest.MapFS {
		m := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 9 kB\nMemAvailable:   " + availableMiB + " kB\n")}}
		for name, text := range more {
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return m
	}
	v2 := map[string]string{
		"proc/self/cgroup":                    "0::/a/b\n",
		"sys/fs/cgroup/a/memory.max":          "524288000\n", // 500 MiB, of the outer group
		"sys/fs/cgroup/a/memory.current":      "209715200\n", // 200 MiB
		"sys/fs/cgroup/a/memory.stat":         "anon 1\ninactive_file 104857600\n",
		"sys/fs/cgroup/a/b/memory.max":        "max\n",
		"sys/fs/cgroup/a/b/memory.current":    "1\n",
		"sys/fs/cgroup/memory.limit_in_bytes": "1",
	}
	v1 := map[string]string{
		"proc/self/cgroup": "3:cpu:/c\n2:memory:/c\n",
		"sys/fs/cgroup/memory/c/memory.limit_in_bytes": "419430400\n",
		"sys/fs/cgroup/memory/c/memory.usage_in_bytes": "314572800\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
		"sys/fs/cgroup/memory/memory.usage_in_bytes":   "1\n",
	}
	for name, tt := range map[string]struct {
		root    fstest.MapFS
		cameras int
		running bool
		level   Level
		want    string
	}{
		"enough":       {machine("2097152", nil), 4, false, OK, "2.0 GiB is available, 510 MiB are needed for 4"},
		"no camera":    {machine("2097152", nil), 0, false, OK, "375 MiB"},
		"tight":        {machine("524288", nil), 4, false, Warning, "512 MiB"},
		"too little":   {machine("409600", nil), 4, false, Problem, "400 MiB"},
		"group":        {machine("2097152", v2), 2, false, Problem, "400 MiB is left of the limit"},
		"old group":    {machine("2097152", v1), 1, false, Problem, "100 MiB is left"},
		"running":      {machine("409600", nil), 40, true, OK, "beside the running vigil"},
		"running full": {machine("2097152", v1), 1, true, Warning, "100 MiB"},
		"blind":        {fstest.MapFS{}, 1, false, Warning, "meminfo"},
		"old kernel":   {fstest.MapFS{"proc/meminfo": {Data: []byte("MemFree: 1 kB\n")}}, 1, false, Warning, "no MemAvailable"},
	} {
		t.Run(name, func(t *testing.T) { only(t, Memory(tt.root, tt.cameras, tt.running)).want(t, tt.level, tt.want) })
	}
	if f := only(t, Memory(os.DirFS("/"), 1, false)); f.Text == "" {
		t.Errorf("this machine: got %+v", f)
	}
}
