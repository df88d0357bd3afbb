package main

import (
	"fmt"
	"strings"
	"time"
)

// composed are those that work through Compose.
var composed = []tool{
	{
		Name: "Compose `up`, `up --force-recreate`", Does: "renames the old container, runs the new one, removes the old one", needs: 1,
		deploy: func(r *replay, version string) string {
			r.write("web", version, "")
			r.project.Compose("up", "-d", "--force-recreate", "--timeout", "1")
			return r.only()
		},
		want: right("proj-web-1", "proj-web-1"),
	},
	{
		Name: "Compose `run` beside it", Does: "runs one command in a container of the service", needs: 2,
		Seen: "leaves it alone",
		deploy: func(r *replay, version string) string {
			r.write("web", version, "")
			r.project.Compose("run", "-T", "web", "/app", "touch", "/migrated")
			r.project.Compose("up", "-d", "--timeout", "1")
			return r.only()
		},
		want: right("proj-web-1", "proj-web-1"),
		also: func(r *replay) {
			if status, answer := r.call("POST", "/containers/web/snapshots", "{}"); status != 201 {
				r.t.Errorf("a snapshot of web: %d %v", status, answer)
			}
		},
	},
	{
		Name: "docker-rollout", Does: "doubles the members, removes the old ones. Numbers grow", needs: 2,
		deploy: func(r *replay, version string) string { return r.rollout(version) },
		want:   right("proj-web-2", "proj-web-3"),
	},
	{
		Name: "Coolify", Does: "starts the Compose service `app-TIME`, removes the old one", needs: 2,
		deploy: func(r *replay, version string) string {
			service := r.Name("app") + "-17958600" + version
			r.write(service, version, fmt.Sprintf("      coolify.managed: \"true\"\n      coolify.applicationId: \"7\"\n    container_name: %s\n", service))
			r.project.Compose("up", "-d")
			if r.before != "" {
				r.end(r.before)
				r.drop(r.before)
			}
			r.before = "app-17958600" + version
			return r.Docker("inspect", "-f", "{{.Id}}", service)
		},
		want: right("app-179586002", "app-179586003"),
	},
	{
		Name: "Compose, the service renamed", Does: "removes the old service's container, runs the new one's", Set: "`snapback.identity`, the same before and after",
		needs: 2, identity: true,
		deploy: func(r *replay, version string) string { return r.renamed(version) },
		want:   right("proj-shop-1", "proj-shop-1"),
	},
	{
		Name: "Compose, the service renamed, without `snapback.identity`", Does: "as with it",
		Seen:   takenForAnother + ". For an hour, alerts have a button for the old name; it runs beside the new one until `up --remove-orphans`",
		Set:    "`snapback.identity`, before you rename",
		needs:  2,
		deploy: func(r *replay, version string) string { return r.renamed(version) },
		want: outcome{
			Button: "1", Tapped: []string{"proj-shop-1=2", "proj-web-1=1"}, Running: []string{"proj-shop-1=3"}, Shown: []string{"proj-shop-1 running", "proj-web-1 gone"},
			Kept: []string{"2"}, Baselines: 3, Told: 1,
		},
	},
	{
		Name: "Compose, the project renamed, without `snapback.identity`", Does: "`down`, then `up` under the new name",
		Seen:   takenForAnother + ". The alert has no button",
		Set:    "`snapback.identity`, before you rename",
		needs:  2,
		deploy: func(r *replay, version string) string { return r.projectRenamed(version) },
		want:   outcome{Running: []string{"other-web-1=3"}, Shown: []string{"other-web-1 running", "proj-web-1 gone"}, Kept: []string{"2"}, Baselines: 2, Told: 1},
	},
	{
		Name: "Compose, the project renamed", Does: "`down`, then `up` under the new name",
		Seen:  "sees the deploy, and keeps the state from before. But `down` has removed its network: the alert says so and has no button",
		Set:   "`snapback.identity`, the same before and after; an external network",
		needs: 2, identity: true,
		deploy: func(r *replay, version string) string { return r.projectRenamed(version) },
		want:   outcome{Running: []string{"other-web-1=3"}, Shown: []string{"other-web-1 running"}, Kept: []string{"1", "2"}, Baselines: 1, Told: 2},
	},
}

const takenForAnother = "takes it for another service. Nothing from before is kept until its next deploy. Lists show the old name as gone"

func (r *replay) projectRenamed(version string) string {
	r.t.Helper()
	r.write("web", version, "")
	if version == "2" {
		r.project.Compose("down", "--timeout", "1")
		other := *r.project
		other.Name = r.Name("other")
		r.project = &other
	}
	r.project.Compose("up", "-d", "--timeout", "1")
	return r.only()
}

func (r *replay) renamed(version string) string {
	r.t.Helper()
	service := "web"
	if version > "1" {
		service = "shop"
	}
	r.write(service, version, "")
	r.project.Compose("up", "-d", "--remove-orphans", "--timeout", "1")
	return r.only()
}

// rollout does what the plugin's script does.
func (r *replay) rollout(version string) string {
	r.t.Helper()
	r.write("web", version, "")
	if version == "1" {
		r.project.Compose("up", "-d")
		return r.only()
	}
	old := strings.Fields(r.project.Compose("ps", "--quiet", "web"))
	r.project.Compose("up", "--detach", "--scale", fmt.Sprint("web=", 2*len(old)), "--no-recreate", "web")
	r.Docker(append([]string{"stop", "-t", "1"}, old...)...)
	r.Docker(append([]string{"rm"}, old...)...)
	return r.only()
}

// write writes the project's file, with one service. More goes after its labels.
func (r *replay) write(service, version, more string) {
	r.t.Helper()
	yaml := fmt.Sprintf("version: \"2.4\"\nservices:\n  %s:\n    image: %s\n    environment: {V: \"%s\"}\n    labels:\n", service, r.image, version)
	for _, label := range r.labelsOf() {
		key, value, _ := strings.Cut(label, "=")
		yaml += fmt.Sprintf("      %s: %q\n", key, value)
	}
	yaml += more
	if r.project == nil {
		r.project = r.Project(r.compose, yaml)
	}
	r.project.Write(yaml)
}

// only is the container of the project that runs.
func (r *replay) only() string {
	r.t.Helper()
	ids := strings.Fields(r.Docker("ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.project="+r.project.Name))
	if len(ids) == 0 {
		r.t.Fatal("nothing of the project runs")
	}
	return ids[0]
}

// unit is a unit of systemd that is started again with another version. It waits until that runs.
func (r *replay) unit(version string) string {
	r.t.Helper()
	r.wanted.Store(&version)
	if version == "1" {
		r.startUnit()
	}
	r.end("web")
	var id string
	r.until("the unit runs", func() bool {
		out, err := r.Try("inspect", "-f", "{{.Id}} {{.State.Running}} {{json .Config.Env}}", r.Name("web"))
		id, out, _ = strings.Cut(out, " ")
		return err == nil && strings.HasPrefix(out, "true") && strings.Contains(out, `"V=`+version+`"`)
	})
	return id
}

// startUnit runs the loop until the test ends.
func (r *replay) startUnit() {
	over := make(chan struct{})
	go func() {
		defer close(over)
		for r.t.Context().Err() == nil {
			_, _ = r.Try("rm", "-f", r.Name("web"))
			id, err := r.Try("run", "--detach", "--rm", "--name", r.Name("web"), "--env", "V="+*r.wanted.Load(), "--label", "snapback.enable=true", "--label", r.Only(),
				"--label", "snapback.pagerduty.service=PSHOP01", r.image)
			for err == nil && r.t.Context().Err() == nil { // a command of the kit has a limit, and a unit has none
				_, _ = r.Try("wait", id)
				_, err = r.Try("inspect", id)
			}
		}
	}()
	r.t.Cleanup(func() {
		for {
			_, _ = r.Try("rm", "-f", r.Name("web"))
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
}
