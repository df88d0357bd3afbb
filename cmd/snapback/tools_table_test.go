package main

import (
	"slices"
)

// right is how it is to be: the button leads to the good version, one container runs at any time, and each deploy is told once.
func right(tapped, next string) outcome {
	return outcome{
		Button: "1", Tapped: []string{tapped + "=1"}, Running: []string{next + "=3"}, Shown: []string{next + " running"},
		Kept: []string{"1"}, Baselines: 1, Told: 2,
	}
}

var tools = slices.Concat(byName, byRename, byVersion, composed, notSeen)

// byName are those that give the new container the old one's name.
var byName = []tool{
	{
		Name: "`docker stop`, `rm`, `run`; Ansible's `docker_container`; Watchtower",
		Does: "removes the old container, runs a new one under its name",
		deploy: func(r *replay, version string) string {
			r.end("web")
			r.drop("web")
			return r.up("web", version)
		},
		want: right("web", "web"),
	},
}

// byRename are those that move names about.
var byRename = []tool{
	{
		Name: "Portainer's *Recreate*; Watchtower, of its own container", Does: "renames the old container, runs the new one, removes the old one",
		deploy: func(r *replay, version string) string {
			r.rename("web", "web-old")
			id := r.create("web", version)
			r.end("web-old")
			r.Docker("start", id)
			r.drop("web-old")
			return id
		},
		want: right("web", "web"),
	},
	{
		Name: "Renaming into place", Does: "runs the new container as `app_new`, removes the old one, renames the new one to `app`",
		deploy: func(r *replay, version string) string {
			id := r.up("app_new", version)
			r.end("app")
			r.drop("app")
			r.rename("app_new", "app")
			return id
		},
		want: right("app", "app"),
	},
	{
		Name: "Dokku", Does: "starts `app.web.1.upcoming-N`, renames both, removes the old one",
		deploy: func(r *replay, version string) string {
			labels := []string{"--label", "com.dokku.app-name=" + r.Name("app"), "--label", "com.dokku.process-type=web", "--label", "com.dokku.dyno=web.1"}
			id := r.up("app.web.1.upcoming-"+version+"17", version, labels...)
			old := "app.web.1.179586000" + version
			r.rename("app.web.1", old)
			r.rename("app.web.1.upcoming-"+version+"17", "app.web.1")
			r.end(old)
			r.drop(old)
			return id
		},
		want: right("app.web.1", "app.web.1"),
	},
}

// byVersion are those that give each container a name of its own.
var byVersion = []tool{
	{
		Name: "Kamal", Does: "runs `SERVICE-ROLE-VERSION`, switches its proxy, stops and keeps the old one",
		deploy: func(r *replay, version string) string { return r.kamal("b"+version, version) },
		want:   right("shop-web-b2", "shop-web-b3"),
	},
	{
		Name: "Kamal, the same version again", Does: "renames the old one to `…_replaced_HEX`, runs the new one, stops the old one",
		deploy: func(r *replay, version string) string { return r.kamal("b1", version) },
		want:   right("shop-web-b1", "shop-web-b1"),
	},
	{
		Name: "Blue/green by hand", Does: "runs `api-blue` and `api-green` in turn",
		Set: "`snapback.identity` on both", identity: true,
		deploy: func(r *replay, version string) string { return r.blueGreen(version) },
		want:   right("api-green", "api-blue"),
	},
}

// kamal deploys as "kamal deploy" does: what runs is what Docker lists last of those that run with its labels.
func (r *replay) kamal(name, version string) string {
	r.t.Helper()
	labels := []string{"service=" + r.Name("shop"), "role=web", "destination="}
	find := []string{"ps", "-a", "--no-trunc", "--latest", "--format", "{{.ID}}", "--filter", "status=running", "--filter", "status=restarting"}
	var args []string
	for _, label := range labels {
		find, args = append(find, "--filter", "label="+label), append(args, "--label", label)
	}
	old := r.Docker(find...)
	r.rename("shop-web-"+name, "shop-web-"+name+"_replaced_c0ffee"+version)
	id := r.up("shop-web-"+name, version, args...)
	if old != "" {
		r.Docker("stop", "-t", "1", old)
	}
	return id
}

// blueGreen brings up the colour that does not run.
func (r *replay) blueGreen(version string) string {
	r.t.Helper()
	next, old := "api-blue", "api-green"
	if out, err := r.Try("inspect", "-f", "{{.State.Running}}", r.Name(next)); err == nil && out == "true" {
		next, old = old, next
	}
	r.end(next) // it runs when a restore has brought the other one back beside it
	r.drop(next)
	id := r.up(next, version)
	r.end(old)
	r.drop(old)
	return id
}

// notSeen are those that nobody can follow without being told, or against which a restore can't win.
var notSeen = []tool{
	{
		Name: "Blue/green without `snapback.identity`", Does: "as with it",
		Seen:   "takes the colours for two services. For an hour, alerts have a button for the old colour; it runs beside the new one then. Changes are told against the last deploy of the same colour",
		Set:    "`snapback.identity`",
		deploy: func(r *replay, version string) string { return r.blueGreen(version) },
		want: outcome{
			Button: "1", Tapped: []string{"api-blue=1", "api-green=2"}, Running: []string{"api-green=3"}, Shown: []string{"api-blue gone", "api-green running"},
			Kept: []string{"2"}, Baselines: 3, Told: 1,
		},
	},
	{
		Name: "Terraform's `docker_container`", Does: "removes the old container by the ID that it remembers, creates the new one by name",
		Seen: "works. But the `apply` after a restore removes what is kept for Undo, and fails: the name is taken",
		Set:  "after a restore `docker rm -f NAME`, then `terraform apply` again",
		deploy: func(r *replay, version string) string {
			if r.before != "" {
				r.Docker("rm", "-f", r.before)
			}
			id, err := r.Try("create", "--name", r.Name("web"), "--env", "V="+version, "--label", "snapback.enable=true", "--label", r.Only(),
				"--label", "snapback.pagerduty.service=PSHOP01", r.image)
			if err != nil {
				return r.Docker("inspect", "-f", "{{.Id}}", r.Name("web"))
			}
			r.Docker("start", id)
			r.before = id
			return id
		},
		want: outcome{
			Button: "1", Tapped: []string{"web=1"}, Running: []string{"web=1"}, Shown: []string{"web running"}, Kept: []string{"1"}, Baselines: 1, Told: 1,
		},
	},
	{
		Name: "systemd with `docker run`", Does: "runs `docker rm -f`, then `docker run --rm`, whenever the container ends",
		Seen:   "sees a deploy at each start. No restore can win; the message says so, and how to find the unit",
		Set:    "before a restore `systemctl stop UNIT`",
		deploy: func(r *replay, version string) string { return r.unit(version) },
		loops:  true,
		want: outcome{
			Button: "1", Tapped: []string{"web=2"}, Running: []string{"web=3"}, Shown: []string{"web running"}, Kept: []string{"1", "2"}, Baselines: 1, Told: 2,
		},
		also: func(r *replay) {
			r.channel.ExpectMessage(r.t, "something starts it again (systemd, a script): stop that first", "systemctl list-units | grep "+r.Name("web"))
		},
	},
}
