package terminal_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
)

var library = regexp.MustCompile(`/\S+`)

// furnish imports an image with programs of this machine, the libraries that they are linked to, and what they read of terminals and letters.
func (n *night) furnish(programs ...string) (ref string) {
	n.t.Helper()
	files := map[string]bool{}
	for _, program := range programs {
		files[program] = true
		out, err := exec.CommandContext(n.t.Context(), "ldd", program).Output()
		testkit.OK(n.t, err)
		for _, line := range strings.Split(string(out), "\n") {
			if path := library.FindString(line); path != "" {
				files[path] = true
			}
		}
	}
	for _, path := range []string{"/lib/terminfo/x/xterm-256color", "/lib/terminfo/s/screen", "/usr/lib/locale/C.utf8/LC_CTYPE"} {
		files[path] = true
	}
	layer := busybox(n.t)
	layer.Truncate(layer.Len() - 1024) // the end of an archive, before which there will be more
	w := tar.NewWriter(layer)
	for path := range files {
		body, err := os.ReadFile(path)
		testkit.OK(n.t, err)
		testkit.OK(n.t, w.WriteHeader(&tar.Header{Name: path[1:], Mode: 0o755, Size: int64(len(body))}))
		_, err = w.Write(body)
		testkit.OK(n.t, err)
	}
	testkit.OK(n.t, w.WriteHeader(&tar.Header{Name: "tmp", Mode: 0o1777, Typeflag: tar.TypeDir}))
	testkit.OK(n.t, w.Close())
	return n.importLayer(layer, n.image+"-more")
}

func (n *night) importLayer(layer *bytes.Buffer, ref string) string {
	n.t.Helper()
	ctx := context.Background()
	out, err := n.cli.ImageImport(ctx, image.ImportSource{Source: layer, SourceName: "-"}, ref, image.ImportOptions{})
	testkit.OK(n.t, err)
	defer func() { _ = out.Close() }()
	_, err = io.Copy(io.Discard, out)
	testkit.OK(n.t, err)
	n.t.Cleanup(func() { _, _ = n.cli.ImageRemove(ctx, ref, image.RemoveOptions{Force: true}) })
	return ref
}

// command types one, and Enter.
func (p *phone) command(text string) {
	p.t.Helper()
	p.typeIn(text)
	p.enter()
}

// row is what stands in a line of the screen, from the top; negative: from the bottom of what is written.
func row(n string) string {
	return `(r => (r.at(` + n + `) ?? ''))([...document.querySelectorAll('.xterm-rows > div')].map(r => r.innerText.replaceAll('\u00a0', ' ').trimEnd()).filter(t => t !== ''))`
}

func TestLessIsReadWithTheArrows(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.command("for i in $(seq 1 500); do echo line $i; done >/f; less /f")
	p.yes("it shows the beginning", row("0")+` === 'line 1'`)
	p.tap(p.key("Down"))
	p.yes("an arrow goes on by a line", row("0")+` === 'line 2'`)
	p.tap(p.key("PgDn"))
	p.yes("and a page", `Number(/\d+/.exec(`+row("0")+`)?.[0]) > 10`)
	p.tap(p.key("End"))
	p.wait("to the end", ".xterm-rows", "line 500")
	p.picture("90-less")
	p.typeIn("q")
	p.yes("there is a prompt", row("-1")+`.endsWith('#')`)
	p.command("echo af''ter")
	p.wait("it ends", ".xterm-rows", "after")
	p.wantQuiet()
}

func TestTopRunsUntilControlC(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.command("top -d 1")
	p.wait("it shows what runs", ".xterm-rows", "Load average")
	p.do(chromedp.Evaluate[chromedp.Void](`window.drawn = 0; new MutationObserver(() => drawn++).observe(document.querySelector('.xterm-rows'), {childList: true, subtree: true, characterData: true}); 0`))
	p.yes("it goes on", `drawn > 2`)
	p.picture("91-top")
	p.tap(p.key("Control C"))
	p.yes("there is a prompt", row("-1")+`.endsWith('#')`)
	p.command("echo af''ter")
	p.wait("it ends", ".xterm-rows", "after")
	p.wantQuiet()
}

func TestTmuxTakesItsPrefixFromTheKeyBar(t *testing.T) {
	t.Parallel()
	n := setup(t)
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Fatalf("the tests need tmux: %v", err)
	}
	ref := n.furnish(tmux)
	n.replace(`exec sleep 1000`, func(c *container.Config, _ *container.HostConfig) {
		c.Image, c.Env = ref, []string{"PATH=/bin:" + filepath.Dir(tmux)}
	})
	p := newPhone(t)
	n.atPrompt(p)
	p.command("tmux -u new -s night")
	p.wait("it is there", ".xterm-rows", "[night]")
	p.command("echo fir''st")
	p.wait("its shell answers", ".xterm-rows", "first")
	prefix := func() {
		t.Helper()
		p.tap(p.key("Ctrl"))
		p.yes("Ctrl is for the next key", `document.querySelector('#keys [aria-label^="Ctrl,"]')`)
		p.typeIn("b")
	}
	prefix()
	p.typeIn(`"`)
	p.yes("the screen is in two", `document.querySelector('.xterm-rows').innerText.includes('──')`)
	p.command("echo sec''ond")
	p.wait("the other shell answers", ".xterm-rows", "second")
	prefix()
	p.tap(p.key("Up"))
	p.command("echo up''per")
	p.yes("an arrow leads to the first", `(t => t.indexOf('upper') >= 0 && t.indexOf('upper') < t.indexOf('──'))(document.querySelector('.xterm-rows').innerText)`)
	p.picture("92-tmux")
	p.do(browsertest.Reload())
	p.wait("a reload shows it as it was", ".xterm-rows", "[night]")
	p.yes("with both", `(t => t.includes('upper') && t.includes('second'))(document.querySelector('.xterm-rows').innerText)`)
	p.tapShell()
	prefix()
	p.typeIn("d")
	p.wait("it lets go", ".xterm-rows", "[detached (from session night)]")
	p.wantQuiet()
}

// TestPsqlKeepsItsHistory is Debian's, with the database of the test itself.
func TestPsqlKeepsItsHistory(t *testing.T) {
	t.Parallel()
	n := setup(t)
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/psql")
	if err != nil || len(found) == 0 {
		t.Fatalf("the tests need Debian's psql: %v", err)
	}
	dsn := storetest.URL(t)
	at, err := url.Parse(dsn)
	testkit.OK(t, err)
	ref := n.furnish(found[0])
	n.replace(`exec sleep 1000`, func(c *container.Config, h *container.HostConfig) {
		c.Image, c.Env = ref, []string{"PATH=/bin:" + filepath.Dir(found[0]), "DB=" + dsn}
		h.NetworkMode = "host"
		if dir := at.Query().Get("host"); strings.HasPrefix(dir, "/") {
			h.Binds = []string{dir + ":" + dir}
		}
	})
	p := newPhone(t)
	n.atPrompt(p)
	const prompt = "db=>" // a key that comes before it is echoed beside it
	last := func(what, text string) { t.Helper(); p.yes(what, row("-1")+` === `+quote(text)) }
	p.command(`psql "$DB" -v PROMPT1='db=> '`)
	last("it is connected", prompt)
	p.command("select 6 * 7 as answer;")
	p.wait("the database answers", ".xterm-rows", "(1 row)")
	p.yes("rightly", `/answer\s[\s\S]*\b42\b/.test(document.querySelector('.xterm-rows').innerText)`)
	last("it waits for the next one", prompt)
	p.tap(p.key("Up"))
	last("an arrow brings the line back", "db=> select 6 * 7 as answer;")
	p.enter()
	p.yes("it answers again", `document.querySelector('.xterm-rows').innerText.split('(1 row)').length === 3`)
	last("it waits once more", prompt)
	p.picture("93-psql")
	p.typeIn("select 'half")
	last("half a line is there", "db=> select 'half") // or the prompt below could be the one from before
	p.tap(p.key("Control C"))
	last("Ctrl-C drops the line", prompt) // what comes with it is dropped as well
	p.command("select 'wh' || 'ole';")
	p.wait("the next one is whole", ".xterm-rows", "whole")
	last("it waits for the last one", prompt)
	p.command(`\q`)
	p.yes("the shell is back", row("-1")+`.endsWith('#')`)
	p.command("echo af''ter")
	p.wait("it ends", ".xterm-rows", "after")
	p.wantQuiet()
}
