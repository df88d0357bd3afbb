package docker_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
)

// The volumes that nobody named are mounted by name afterwards, which shows in two places of the document.
var (
	byName    = []string{"mount-mode", "mount-option"}
	byNameRaw = []string{`HostConfig\.Mounts.*`, `Mounts\[\d+\]\.Mode`}
)

var matrix = []matrixCase{
	{attributes: []string{"entrypoint and command of the image"}},
	{attributes: []string{"command"}, command: []string{"serve", "-addr", ":81"}},
	{attributes: []string{"entrypoint; the image's command is dropped"}, flags: "--entrypoint /app"},
	{
		attributes: []string{"entrypoint reset to none"}, flags: "--entrypoint=", command: []string{"/app", "serve"},
	},
	{attributes: []string{"no entrypoint in the image"}, image: []string{`CMD ["/app","serve"]`}},
	{
		attributes: []string{"environment", "labels", "user", "working directory", "host name", "domain name", "stop signal", "stop timeout"},
		image:      []string{`ENTRYPOINT ["/app"]`, "ENV FROM_IMAGE=yes", "ENV OVERRIDDEN=no", "LABEL of=image", "USER 1:1", "WORKDIR /tmp"},
		flags: "--env DB_POOL=20 --env EMPTY= --env OVERRIDDEN=yes --env EQUALS=a=b=c --env HTML=<&> --label team=shop --label empty= --user 1000:1000 " +
			"--workdir /seeded --hostname api.example.com --domainname example.com --stop-signal SIGUSR1 --stop-timeout 7",
	},
	{
		attributes: []string{"image whose name means another one now"}, flags: "--env DB_POOL=20", prepare: []string{"volume create @unused"},
		deploy:   []string{"rm -f @api", "tag @dbimage @good", "run -d --name @api --label snapback.enable=true @good"},
		expected: []string{"image"}, differs: []string{`Config\.Image`},
	},
	{attributes: []string{"files written in the container"}, flags: "--env DB_POOL=20", written: true, check: writtenIsBack},
	{attributes: []string{"terminal and stdin flags"}, flags: "--tty --interactive"},
	{attributes: []string{"health check of the image"}, image: healthy, flags: ""},
	{attributes: []string{"health check"}, image: healthy, flags: "--health-cmd=true --health-interval=7s --health-retries=9 --health-start-period=2s --health-timeout=3s", written: true},
	{attributes: []string{"health check, partly overridden"}, image: healthy, flags: "--health-retries=9"},
	{attributes: []string{"health check turned off"}, image: healthy, flags: "--no-healthcheck"},
	{attributes: []string{"restart policy always"}, flags: "--restart always"},
	{attributes: []string{"restart policy unless-stopped"}, flags: "--restart unless-stopped"},
	{attributes: []string{"restart policy on-failure"}, flags: "--restart on-failure:3"},
	{attributes: []string{"auto-remove"}, flags: "--rm"},

	{attributes: []string{"fixed port", "UDP port", "port on one address"}, flags: "--publish 28417:80 --publish 28417:53/udp --publish 127.0.0.1:28418:81"},
	{attributes: []string{"port range"}, flags: "--publish 28421-28423:80", expected: []string{"port"}, differs: []string{`HostConfig\.PortBindings\..*`}, check: samePorts},
	{attributes: []string{"random port"}, flags: "--publish 80 --publish 127.0.0.1::81", expected: []string{"port"}, differs: []string{`HostConfig\.PortBindings\..*`}, check: samePorts},
	{
		attributes: []string{"all exposed ports"}, image: []string{`ENTRYPOINT ["/app"]`, "EXPOSE 80", "EXPOSE 81/udp"}, flags: "--publish-all",
		expected: []string{"port"}, differs: []string{`HostConfig\.PortBindings.*`}, check: samePorts,
	},

	{
		attributes: []string{"several networks", "aliases", "links within a network"},
		prepare:    []string{"network create @back", "network create @front", "run -d --name @db --network @back @dbimage"},
		flags:      "--network @back --network-alias api --network-alias shop --link @db:database",
		then:       []string{"network connect --alias frontdoor --alias shop @front @api", "network connect bridge @api"},
	},
	{
		attributes: []string{"networks of any name"},
		prepare: []string{
			"network create @team/front", "network create @front~end", "network create _@proxy", "network create @réseau", "network create @a+b",
			"network create id~@team/front", "network create @a?b#c%2f..%2fd", "network create @net/../none",
		},
		flags: "--network @net/../none --network-alias shop",
		then: []string{
			"network connect --alias one @front~end @api", "network connect _@proxy @api", "network connect @réseau @api", "network connect @a+b @api",
			"network connect id~@team/front @api", "network connect @a?b#c%2f..%2fd @api", "network connect @team/front @api",
		},
	},
	{
		attributes: []string{"a network of such a name that it was taken off"}, prepare: []string{"network create @first/one", "network create @second~one"}, flags: "--network @first/one",
		then: []string{"network connect @second~one @api", "network disconnect @first/one @api"},
	},
	{
		attributes: []string{"a network that it was taken off"}, prepare: []string{"network create @first", "network create @second"}, flags: "--network @first",
		then: []string{"network connect @second @api", "network disconnect @first @api"},
	},
	{
		attributes: []string{"a network that was made anew"}, prepare: []string{"network create @net"}, flags: "--network @net --network-alias shop",
		deploy:   []string{"rm -f @api", "network rm @net", "network create @net"},
		expected: []string{"network id"}, differs: []string{`NetworkSettings\.Networks\..*\.(?:NetworkID|IPPrefixLen)`}, // the engine draws its subnet
	},
	{
		attributes: []string{"static IPv4 and IPv6"}, prepare: []string{"network create --ipv6 --subnet 10.211.7.0/24 --subnet fd00:5b:7::/64 @static"},
		flags: "--network @static --ip 10.211.7.77 --ip6 fd00:5b:7::77", check: sameAddresses,
	},
	{attributes: []string{"link"}, prepare: []string{"run -d --name @db @dbimage"}, flags: "--link @db:database"},
	{attributes: []string{"driver options of the default bridge"}, flags: "--network name=bridge,driver-opt=com.example.option=1"},
	{attributes: []string{"MAC address"}, raw: map[string]any{"MacAddress": "02:00:5e:10:00:07"}, check: sameMAC},
	{attributes: []string{"network of the host"}, flags: "--network host", command: []string{"serve", "-addr", "127.0.0.1:28427"}},
	{attributes: []string{"no network"}, flags: "--network none"},
	{
		attributes: []string{"network of a container", "process namespace of a container", "IPC namespace of a container"},
		image:      []string{`ENTRYPOINT ["/app"]`, "EXPOSE 80"},
		prepare:    []string{"run -d --name @pause --ipc shareable @dbimage"},
		flags:      "--network container:@pause --pid container:@pause --ipc container:@pause", command: []string{"serve", "-addr", ":82"},
		deploy: []string{
			"rm -f @api", "rm -f @pause", "run -d --name @pause --ipc shareable @dbimage",
			"run -d --name @api --label snapback.enable=true --network container:@pause @dbimage serve -addr :83",
		},
		differs: []string{`HostConfig\.(?:Network|Pid|Ipc)Mode`, `Config\.Hostname`}, // those of the container of that name now
	},

	{
		attributes: []string{"bind", "read-only bind", "bind with propagation", "named volume", "read-only volume"},
		prepare:    []string{"volume create @named"},
		flags: "--volume /tmp:/host:ro --mount type=bind,source=/usr,target=/usrhost,readonly,bind-propagation=private --volume @named:/named --volume @second:/second:ro,nocopy " +
			"--mount type=volume,source=@third,target=/third,volume-nocopy",
	},
	{
		attributes: []string{"anonymous volumes"}, image: []string{`ENTRYPOINT ["/app"]`, "VOLUME /data"},
		flags: "--volume /more --mount type=volume,target=/mounted", expected: byName, differs: byNameRaw, check: sameVolumes,
	},
	{
		attributes: []string{"anonymous volumes of a container that was written to"}, image: []string{`ENTRYPOINT ["/app"]`, "VOLUME /data"}, written: true,
		flags: "--volume /more", expected: byName, differs: byNameRaw, check: sameVolumes,
	},
	{attributes: []string{"tmpfs", "read-only root"}, flags: "--read-only --tmpfs /run:size=1m,mode=0700 --mount type=tmpfs,target=/scratch,tmpfs-size=1048576"},
	{
		attributes: []string{"volumes from another container"}, prepare: []string{"run -d --name @db --volume @shared:/shared --volume /anon @dbimage"},
		flags: "--volumes-from @db:ro", check: sameVolumes,
	},
	{
		attributes: []string{"volumes from a container that is gone"}, prepare: []string{"run -d --name @db --volume @shared:/shared --volume /anon @dbimage"},
		flags: "--volumes-from @db", deploy: []string{"rm -f @api", "rm -f @db"},
		expected: append([]string{"VolumesFrom"}, byName...), differs: append([]string{`HostConfig\.VolumesFrom.*`}, byNameRaw...), check: sameVolumes,
	},

	{
		attributes: []string{"capabilities", "security options", "devices", "device rules", "ulimits", "sysctls", "groups", "init"},
		flags: "--cap-add NET_ADMIN --cap-drop MKNOD --cap-drop CHOWN --security-opt no-new-privileges --security-opt seccomp=unconfined --device /dev/null:/dev/nothing:rw " +
			"--device-cgroup-rule c~1:3~rwm --ulimit nofile=1024:2048 --ulimit core=0 --sysctl net.core.somaxconn=512 --group-add 7 --init",
	},
	{
		attributes: []string{"memory", "swap", "memory reservation", "CPUs", "CPU shares", "CPU set", "process limit", "OOM score", "OOM kill", "shared memory", "swappiness"},
		flags:      "--memory 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 50 --oom-score-adj 100 --shm-size 8m --oom-kill-disable --memory-swappiness 10",
	},
	{attributes: []string{"CPU period and quota", "cgroup parent"}, flags: "--cpu-period 50000 --cpu-quota 25000 --cgroup-parent /snapback-test"},
	{attributes: []string{"IPC, process and UTS namespace of the host", "cgroup namespace", "user namespace"}, flags: "--ipc host --pid host --uts host --cgroupns private --userns host"},
	{attributes: []string{"shareable IPC"}, flags: "--ipc shareable"},
	{attributes: []string{"privileged"}, flags: "--privileged", stopped: true},
	{attributes: []string{"unmasked system paths"}, flags: "--security-opt systempaths=unconfined"},
	{attributes: []string{"log driver and options"}, flags: "--log-driver json-file --log-opt max-size=1m --log-opt max-file=2 --log-opt labels=team"},
	{attributes: []string{"no log"}, flags: "--log-driver none"},
	{
		attributes: []string{"extra hosts", "DNS servers", "DNS options", "DNS search", "runtime", "platform"},
		flags:      "--add-host db:10.1.2.3 --add-host six:::1 --dns 10.9.8.7 --dns-option ndots:2 --dns-search example.com --runtime runc --platform linux/amd64",
	},
	{
		attributes: []string{"device requests"}, flags: "--gpus all", stopped: true,
	},
}

var healthy = []string{`ENTRYPOINT ["/app"]`, `HEALTHCHECK --interval=5s --timeout=2s --retries=4 CMD ["/app","check"]`}

type inspected struct {
	Mounts          []struct{ Name, Source, Destination string }
	NetworkSettings struct {
		Ports    published
		Networks map[string]struct{ IPAddress, GlobalIPv6Address, MacAddress string }
	}
	HostConfig struct{ NetworkMode, PidMode, IpcMode string }
}

func both(r *restored) (before, after inspected) {
	return enginetest.Decode[inspected](r.scope, r.before), enginetest.Decode[inspected](r.scope, r.after)
}

func writtenIsBack(t *testing.T, r *restored) {
	t.Helper()
	if out, err := r.scope.Try("cp", r.name+":/written", "-"); err != nil || !strings.Contains(out, "written\n") {
		t.Errorf("the file is not back: %v", err)
	}
}

func samePorts(t *testing.T, r *restored) {
	t.Helper()
	before, after := both(r)
	if diff := cmp.Diff(before.NetworkSettings.Ports.sorted(), after.NetworkSettings.Ports.sorted()); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

func sameAddresses(t *testing.T, r *restored) {
	t.Helper()
	_, after := both(r)
	for _, n := range after.NetworkSettings.Networks {
		if n.IPAddress != "10.211.7.77" || netip.MustParseAddr(n.GlobalIPv6Address) != netip.MustParseAddr("fd00:5b:7::77") {
			t.Errorf("addresses: %+v", n)
		}
	}
}

func sameMAC(t *testing.T, r *restored) {
	t.Helper()
	_, after := both(r)
	if got := after.NetworkSettings.Networks["bridge"].MacAddress; got != "02:00:5e:10:00:07" {
		t.Errorf("MAC address: %s", got)
	}
}

func sameVolumes(t *testing.T, r *restored) {
	t.Helper()
	before, after := both(r)
	where := map[string]string{}
	for _, m := range after.Mounts {
		where[m.Destination] = m.Name + m.Source
	}
	for _, m := range before.Mounts {
		if where[m.Destination] != m.Name+m.Source {
			t.Errorf("%s: want %s, got %s", m.Destination, m.Name, where[m.Destination])
		}
	}
}
