package bot_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot"
)

// variables are n changes, each of about so many characters.
func variables(n, size int) (all []snapshot.Change) {
	for i := range n {
		all = append(all, snapshot.Change{Attribute: fmt.Sprintf("env V%03d", i), Before: strings.Repeat("<", size/8), After: strings.Repeat("é", size/2)})
	}
	return all
}

var leftOut = regexp.MustCompile(`… and (\d+) more`)

// told counts the lines that begin with mark, and adds up those that are said to be left out.
func told(mark string, all []slackfake.Message) (shown, left int) {
	for _, m := range all {
		shown += strings.Count(m.String(), mark)
		for _, n := range leftOut.FindAllStringSubmatch(m.String(), -1) {
			more, _ := strconv.Atoi(n[1])
			left += more
		}
	}
	return shown, left
}

func TestDetailsLeaveNothingOutWithoutSayingSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ changes, size, left int }{
		"of many small changes, nothing": {200, 30, 0},
		"of large changes, some":         {200, 250, 91},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.do(func() {
				n.deploys[0].Changes = variables(c.changes, c.size)
				n.losses = []string{strings.Repeat("a very long loss ", 17)}
				for _, name := range []string{"web", "db", "queue", "cache"} {
					more := theContainer()
					more.Key, more.Name = "k/"+name, name
					n.containers = append(n.containers, more)
					n.snapshots[more.Key] = slices.Repeat(n.snapshots["k/api"], 4)
				}
			})
			n.tap(t, n.ann, n.alert(t).Overflow("Details"))
			n.ann.ExpectEphemeral(t, n.shop, "2 more containers: see `/snapback list`")
			shown, left := told("• env V", n.ann.Ephemerals(n.shop))
			if shown+left != c.changes || left != c.left {
				t.Errorf("%d are shown, and %d are said to be left out of %d; want %d left out", shown, left, c.changes, c.left)
			}
			if got, _ := told("2 more: `/snapback snapshots", n.ann.Ephemerals(n.shop)); got != 2 {
				t.Errorf("the end of %d containers is shown, want both", got)
			}
		})
	}
}

func TestLongAnswersToCommandsAreWhole(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() {
		n.containers = nil
		for i := range 45 {
			c := theContainer()
			c.Key, c.Name, c.Image = fmt.Sprint(i), fmt.Sprintf("c%02d", i), "registry.example.com/"+strings.Repeat("shop", 20)
			n.containers = append(n.containers, c)
		}
	})
	n.ann.Command(n.shop, "/snapback", "list")
	n.work(t)
	n.ann.ExpectEphemeral(t, n.shop, "`c39`", "… and 5 more")
	if shown, left := told("`c", n.ann.Ephemerals(n.shop)); shown != 40 || left != 5 {
		t.Errorf("%d containers are shown, and %d are said to be left out", shown, left)
	}
}
