package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

// TestOneComposeUpIsOneDeploy: of a project's two containers, the alert is about one.
func TestOneComposeUpIsOneDeploy(t *testing.T) {
	enginetest.EachCompose(t, func(t *testing.T, c enginetest.Compose) {
		n := newNightOn(t, enginetest.New(t))
		n.env["SNAPBACK_BASELINE_AFTER"] = "400ms"
		image := n.Image("shop", `CMD ["/app", "serve", "-addr="]`)
		n.start()
		yaml := func(version string) string {
			return twoServices(image, version, "2.4", "    labels:\n      "+strings.Join(n.enabling(), "\n      "))
		}
		p := n.Project(c, yaml("1"))
		p.Compose("up", "-d")
		n.pollUntil("both are kept as good ones", func() bool { return n.count(`SELECT count(*) FROM snapshots WHERE reason = 'baseline'`) == 2 })
		p.Write(yaml("2"))
		p.Compose("up", "-d", "--timeout", "1")

		web := p.Container("web", 1)
		n.isOneDeploy(p.Container("api", 1), web)
		if got := n.Docker("inspect", "-f", "{{.Config.Env}}", web); !strings.Contains(got, "V=1") {
			t.Errorf("after its restore, web runs with %s", got)
		}
	})
}

// TestOneStackDeployIsOneDeploy: the same of a stack's two services.
func TestOneStackDeployIsOneDeploy(t *testing.T) {
	s := newBareSwarmNight(t)
	image := s.Image("v1", `CMD ["/app", "serve", "-addr="]`)
	s.start()
	stack, file := s.Name("stack"), filepath.Join(t.TempDir(), "stack.yaml")
	deploy := func(version string) {
		yaml := twoServices(image, version, "3.8", "    stop_grace_period: 1s\n    deploy:\n      labels:\n        "+strings.Join(s.enabling(), "\n        "))
		testkit.OK(t, os.WriteFile(file, []byte(yaml), 0o600))
		s.Docker("stack", "deploy", "--resolve-image", "never", "--compose-file", file, stack)
	}
	deploy("1")
	s.pollUntil("both are kept as good ones", func() bool { return s.count(`SELECT count(*) FROM snapshots WHERE reason = 'baseline'`) == 2 })
	deploy("2")

	web := stack + "_web"
	s.isOneDeploy(stack+"_api", web)
	if got := s.Docker("service", "inspect", web, "--format", "{{.Spec.TaskTemplate.ContainerSpec.Env}}"); got != "[V=1]" {
		t.Errorf("after its restore, web runs with %s", got)
	}
}

// twoServices are api, which names the night's service of PagerDuty, and web, which names another one. More belongs to both, and ends within
// its labels.
func twoServices(image, version, format, more string) string {
	last := more[strings.LastIndexByte(more, '\n')+1:]
	indent := last[:len(last)-len(strings.TrimLeft(last, " "))]
	yaml := fmt.Sprintf("version: %q\nservices:\n", format)
	for name, service := range map[string]string{"api": "PSHOP01", "web": "PWEB001"} {
		yaml += fmt.Sprintf("  %s:\n    image: %s\n    environment: {V: %q}\n%s\n%ssnapback.pagerduty.service: %s\n", name, image, version, more, indent, service)
	}
	return yaml
}

// enabling are labels of what the bot is for, as YAML.
func (n *night) enabling() []string {
	key, value, _ := strings.Cut(n.Only(), "=")
	return []string{`snapback.enable: "true"`, fmt.Sprintf("%s: %q", key, value)}
}

// isOneDeploy: both were deployed in one go. An alert about api says so, as do the API, the command line and the post-mortem, and its
// details bring web back.
func (n *night) isOneDeploy(api, web string) {
	n.t.Helper()
	n.pollUntil("both deploys are seen, in a second before that of the alert, since PagerDuty tells no more of it", func() bool {
		return n.count(`SELECT count(*) FROM deploys WHERE at < date_trunc('second', now())`) == 2
	})
	incident := n.service.Trigger("Checkout error rate above 5 %")
	alert := n.channel.ExpectMessage(n.t, "Checkout error rate above 5 %", "together with "+web+": ", "1 → 2")
	_, answer := n.call("GET", "/deploys?container="+api, "")
	list, _ := answer["deploys"].([]any)
	if len(list) != 1 || !strings.Contains(fmt.Sprint(list[0].(map[string]any)["together_with"]), "container:"+web) {
		n.t.Errorf("the API has %v", answer)
	}
	if said := n.snapback("deploys", api); !strings.Contains(said, "; together with "+web) {
		n.t.Errorf("snapback deploys: %s", said)
	}
	n.maria.Tap(alert.Overflow("Details"))
	details := n.maria.ExpectEphemeral(n.t, n.channel, "was deployed together with "+api)
	n.maria.Tap(details.Button("Restore " + web))
	alert.ExpectUpdate(n.t, web+" is back on pre-deploy-")
	_, answer = n.call("GET", "/incidents/"+incident.ID()+"/export?format=md", "")
	if story, _ := answer["text"].(string); strings.Count(story, "together with") != 2 { // the section on deploys, and the timeline
		n.t.Errorf("the post-mortem:\n%s", story)
	}
}
