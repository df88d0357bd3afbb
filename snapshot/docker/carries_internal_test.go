package docker

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/snapback/snapback/snapshot"
)

// TestAServiceCarriesTheBotAsAContainerDoes: by one of its tasks, by what is mounted, and by the way to the engine.
func TestAServiceCarriesTheBotAsAContainerDoes(t *testing.T) {
	t.Parallel()
	own := strings.Repeat("a1", 32)
	cli, err := client.NewClientWithOpts(client.WithHost("tcp://10.0.7.2:2375"))
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{cli: cli}
	e.reach.once.Do(func() {})
	e.reach.around = surroundings{
		ids: []string{own}, data: mountedAt{"/var/lib/snapback", "/volumes/snapback-data/_data"}, socket: mountedAt{"/sockets", "/volumes/sockets/_data"},
	}
	for name, c := range map[string]struct {
		of   snapshot.Carrier
		want string
	}{
		"its own task":               {snapshot.Carrier{Containers: []string{strings.Repeat("b2", 32), own}}, runsHere},
		"its data folder":            {snapshot.Carrier{Volumes: map[string]string{"/var/lib/snapback": "snapback-data"}}, runsHere},
		"its data elsewhere":         {snapshot.Carrier{Volumes: map[string]string{"/backup": "snapback-data"}}, ""},
		"the engine's socket":        {snapshot.Carrier{Volumes: map[string]string{"/run": "sockets"}}, reachesHere},
		"the address of a proxy":     {snapshot.Carrier{Addresses: []string{"10.0.7.1", "10.0.7.2"}}, reachesHere},
		"the port of a proxy":        {snapshot.Carrier{Ports: []int{80, 2375}}, reachesHere},
		"the same one elsewhere":     {snapshot.Carrier{Addresses: []string{"10.0.7.2/32"}}, ""},
		"nothing that the bot needs": {snapshot.Carrier{Containers: []string{strings.Repeat("b2", 32)}, Addresses: []string{"10.0.7.3"}, Ports: []int{80}}, ""},
	} {
		if got := e.Carries(t.Context(), c.of); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestAnAddressInANetworkIsForWhoIsInIt: elsewhere, the same one may be a host's.
func TestAnAddressInANetworkIsForWhoIsInIt(t *testing.T) {
	t.Parallel()
	_, inside, err := net.ParseCIDR("10.0.7.0/24")
	if err != nil {
		t.Fatal(err)
	}
	inside.IP = net.IPv4(10, 0, 7, 9)
	own := []net.Addr{inside, &net.IPNet{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}}
	got := reachable([]string{"10.0.7.2/24", "10.0.8.2/24", "192.0.2.7", "fd00::2/64"}, own)
	if want := []string{"10.0.7.2", "192.0.2.7"}; !slices.Equal(got, want) {
		t.Errorf("of these, it reaches %v, want %v", got, want)
	}
}

func TestOwnContainerIsKnownByWhatIsSeenInIt(t *testing.T) {
	t.Parallel()
	own, other := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	files := `626 543 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X
701 626 8:1 /var/lib/docker/containers/` + other + `/mounts/x /data/containers rw - ext4 /dev/sda1 rw
635 626 8:1 /var/lib/docker/containers/` + own + `/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw
636 626 8:1 /var/lib/docker/containers/` + own + `/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw
637 626 8:1 /var/lib/docker/volumes/snapback-data/_data /var/lib/snapback rw,relatime - ext4 /dev/sda1 rw
`
	for name, c := range map[string]struct{ cgroups, mounts string }{
		"control groups of version 1":      {"12:cpu:/docker/" + own + "\n1:name=systemd:/docker/" + own, ""},
		"control groups of systemd":        {"0::/system.slice/docker-" + own + ".scope", ""},
		"control groups of its own":        {"0::/", files},
		"control groups of the outer host": {"0::/docker/" + own + "/x", files},
	} {
		if got := around([]byte(c.cgroups), []byte(c.mounts)); !slices.Equal(got, []string{own}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	host := []byte("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 8:2 / /var/lib rw - ext4 /dev/sda2 rw\n")
	if got := around([]byte("0::/system.slice/snapback.service"), host); len(got) > 0 {
		t.Errorf("on the host: %v", got)
	}
	if m := mountOf(host, "/var/lib/snapback"); m.volume() != "" {
		t.Errorf("on the host, the data folder is in volume %q", m.volume())
	}
	data := mountOf([]byte(files), "/var/lib/snapback/postgres")
	if data.volume() != "snapback-data" || data.at != "/var/lib/snapback" {
		t.Errorf("the data folder is %+v", data)
	}
	for _, c := range []struct {
		volume, at string
		want       bool
	}{{"snapback-data", "/var/lib/snapback/", true}, {"snapback-data", "/backup", false}, {"other", "/var/lib/snapback", false}} {
		if got := (candidate{mounts: []mountPoint{{Type: "volume", Name: c.volume, Destination: c.at}}}).has(data); got != c.want {
			t.Errorf("%s at %s: %v", c.volume, c.at, got)
		}
	}
}
