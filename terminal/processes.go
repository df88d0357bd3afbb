package terminal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// markVar is in the environment of every process of a shell that has not taken pains to be rid of it.
const markVar = "SNAPBACK_SHELL"

// wrapper says which kernel session it leads, waits until that is stored, and becomes the shell. It needs nothing in
// the container but a POSIX sh and /proc. Field 22 of /proc/PID/stat, the start time, is the 20th after the name.
const wrapper = `c=$1
IFS= read -r s <"/proc/$$/stat"; s=${s##*') '}; set -f; set -- $s
printf '\033]777;snapback;%s;%s\007' "$$" "${20}"
IFS= read -r go || exit 1
printf '\033]777;snapback;go\007'
[ -n "$c" ] && eval "exec $c"
command -v bash >/dev/null 2>&1 && exec bash
exec sh`

var (
	markPID   = regexp.MustCompile(`\x1b\]777;snapback;(\d{1,9});(\d{1,20})\x07`)
	markReady = regexp.MustCompile(`\x1b\]777;snapback;go\x07`)
)

// reaper signals what belongs to a shell and counts it: every process in its kernel session (job control spreads
// these over many process groups), and every one that carries its mark. Arguments: session, start time of its leader,
// mark, signal (empty: only count). A leader that started at another time is another process that was given the same
// PID later. Zombies don't count: they are gone but for their parent's notice.
const reaper = `exec 2>/dev/null
sid=$1; start=$2; mark=$3; sig=$4; left=0; set -f
stat() { IFS= read -r s <"/proc/$1/stat" || return 1; s=${s##*') '}; }
if stat "$sid"; then set -- $s; [ "${20}" = "$start" ] || sid=none; fi
marked() { while IFS= read -r e || [ -n "$e" ]; do case $e in *"` + markVar + `=$mark"*) return 0;; esac; done <"/proc/$1/environ"; return 1; }
set +f
for d in /proc/[0-9]*; do
  p=${d#/proc/}
  [ "$p" = "$$" ] && continue
  stat "$p" || continue
  set -- $s
  case $1 in Z|X) continue;; esac
  [ "$4" = "$sid" ] || marked "$p" || continue
  left=$((left+1))
  [ -n "$sig" ] && kill "-$sig" "$p"
done
echo "left=$left"`

var counted = regexp.MustCompile(`(?m)^left=(\d+)$`)

// errLeft is what endProcesses returns when processes outlive everything.
var errLeft = errors.New("processes of the shell are still there")

// root comes second in endProcesses, where the engine lets it.
const root = "0"

// endProcesses hangs up, then kills, then looks. The container's own user comes first, as it may signal its own even
// where root's capabilities were dropped; root comes second, for what became another user's in the meantime.
// No container, or one that does not run, has no processes either.
func endProcesses(ctx context.Context, e Engine, sh ShellRecord) error {
	if _, err := reap(ctx, e, sh, "HUP", ""); err != nil {
		return gone(err, sh)
	}
	for range 5 {
		for _, user := range []string{"", root} {
			left, err := kill(ctx, e, sh, user)
			if user == root && (errors.Is(err, ErrHostProcesses) || errors.Is(err, ErrNoShell)) {
				continue
			}
			if err != nil || left == 0 {
				return gone(err, sh)
			}
		}
	}
	return fmt.Errorf("ending shell %s in %.12s: %w", sh.ID, sh.ContainerID, errLeft)
}

func kill(ctx context.Context, e Engine, sh ShellRecord, user string) (left int, err error) {
	if _, err := reap(ctx, e, sh, "KILL", user); err != nil {
		return 0, err
	}
	// The mark can be read by the same user alone, so the last word is the container's own user's.
	return reap(ctx, e, sh, "", user)
}

// gone drops the errors which say that there is nothing to end. A container without a sh never ran the wrapper either.
func gone(err error, sh ShellRecord) error {
	neverRan := sh.SID == 0 && errors.Is(err, ErrNoShell)
	if neverRan || errors.Is(err, ErrNoContainer) || errors.Is(err, ErrNotRunning) {
		return nil
	}
	return err
}

// reap runs the image's own shell: one that was put into a folder of PATH must not get to run as another user. An image that
// has it elsewhere is looked through as the container's own user, whose PATH it is.
func reap(ctx context.Context, e Engine, sh ShellRecord, signal, user string) (left int, err error) {
	left, err = reapWith(ctx, e, sh, signal, ExecSpec{Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, User: user})
	if user == "" && errors.Is(err, ErrNoShell) {
		return reapWith(ctx, e, sh, signal, ExecSpec{Cmd: []string{"sh"}})
	}
	return left, err
}

func reapWith(ctx context.Context, e Engine, sh ShellRecord, signal string, spec ExecSpec) (left int, err error) {
	sid := "none"
	if sh.SID > 0 {
		sid = strconv.Itoa(sh.SID)
	}
	spec.Cmd = append(spec.Cmd, "-c", reaper, "snapback", sid, sh.StartTime, sh.ID, signal)
	out, err := e.Run(ctx, sh.ContainerID, spec)
	if err != nil {
		return 0, fmt.Errorf("looking after shell %s: %w", sh.ID, err)
	}
	m := counted.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("looking after shell %s: %w: %q", sh.ID, ErrNoShell, clip(string(out), 80))
	}
	return strconv.Atoi(string(m[1]))
}

// clip shortens what comes from a container before it is put into an error.
func clip(s string, n int) string {
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
