package terminal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// markVar is in the environment of every process of a shell that has not taken pains to be rid of it.
const markVar = "SNAPBACK_SHELL"

// wrapper marks itself, says which kernel session it leads, waits until that is stored, and becomes the shell. It needs
// nothing in the container but a POSIX sh and /proc. The mark is a hard limit of file locks, which the kernel has not
// looked at since 2.4: every descendant inherits it, whatever becomes of its environment, session or parent, and only
// who may raise limits gets rid of it. Shells call that limit w or x. Field 22 of /proc/PID/stat, the start time, is the
// 20th after the name.
const wrapper = `c=$1
ulimit -w "$2" 2>/dev/null || ulimit -x "$2" 2>/dev/null
IFS= read -r s <"/proc/$$/stat"; s=${s##*') '}; set -f; set -- $s
printf '\033]777;snapback;%s;%s\007' "$$" "${20}"
IFS= read -r go || exit 1
printf '\033]777;snapback;go\007'
f=${c%% *}
case $f in ''|*[!A-Za-z0-9_./-]*) ;; *) command -v "$f" >/dev/null 2>&1 || { printf 'There is no %s in this container, which its label snapback.terminal.command names.\r\n' "$f"; exit 127; };; esac
[ -n "$c" ] && eval "exec $c"
command -v bash >/dev/null 2>&1 && exec bash
exec sh`

var (
	markPID   = regexp.MustCompile(`\x1b\]777;snapback;(\d{1,9});(\d{1,20})\x07`)
	markReady = regexp.MustCompile(`\x1b\]777;snapback;go\x07`)
)

// lockMark is the limit of file locks that marks a shell's processes: between 2^48 and 2^49, so that no real limit is it.
func lockMark(id string) string {
	sum := sha256.Sum256([]byte(id))
	return strconv.FormatUint(1<<48|binary.BigEndian.Uint64(sum[:])>>16, 10)
}

// reaper signals what belongs to a shell, and lists every process as it was before: p, PID, parent, start time, 1 where it
// bears a mark of the shell, name. Arguments: kernel session, start time of its leader, the mark in the environment, the limit
// of file locks, a signal (empty: none), and further processes to signal, as PID:start. Marked are those in the kernel session
// (job control spreads these over many process groups), those with that limit, and those with that environment. Whatever
// started before the leader is not even looked into. A leader that started at another time is another process that was given
// the same PID later. Zombies don't count: they are gone but for their parent's notice. What is to be killed is stopped
// first, until nothing new turns up, so that it can't fork away meanwhile. A name may hold anything, line breaks too.
const reaper = `exec 2>/dev/null
sid=$1 start=$2 mark=$3 locks=$4 sig=$5 also=" $6 " seen=' '
stat() {
  s=; while IFS= read -r l || [ -n "$l" ]; do s="$s$l "; done <"/proc/$1/stat"
  [ -n "$s" ] || return 1
  n=${s#*'('}; s=${s##*') '}; n=${n%") $s"}
}
if stat "$sid"; then set -- $s; [ "${20}" = "$start" ] || sid=none; fi
limited() { while read -r a b c v h l; do [ "$a $b $c" = "Max file locks" ] && { [ "$h" = "$locks" ]; return; }; done <"/proc/$1/limits"; return 1; }
marked() { while IFS= read -r e || [ -n "$e" ]; do case $e in *"` + markVar + `=$mark"*) return 0;; esac; done <"/proc/$1/environ"; return 1; }
bears() {
  [ "$session" = "$sid" ] && return
  [ -n "$start" ] && [ "$began" -lt "$start" ] && return 1
  case $seen in *" $p:$began "*) return 1;; esac
  limited "$p" || marked "$p" && return
  [ ${#seen} -gt 100000 ] || seen="$seen$p:$began "
  return 1
}
look() {
  list=$1 left=0 mine=
  for d in /proc/[0-9]*; do
    p=${d#/proc/}
    [ "$p" = "$$" ] && continue
    stat "$p" || continue
    set -- $s
    state=$1 parent=$2 session=$4 began=${20} own=0
    case $state in Z|X) continue;; esac
    bears && own=1
    [ -n "$list" ] && printf 'p %s %s %s %s %s\n' "$p" "$parent" "$began" "$own" "$n"
    case "$own$also" in 1*|*" $p:$began "*) mine="$mine $p:$began";; *) continue;; esac
    case $state in T|t) ;; *) left=$((left+1));; esac
  done
}
hit() {
  for m in $mine; do
    stat "${m%:*}" || continue
    k=$1; set -- $s
    [ "${20}" = "${m#*:}" ] && kill "-$k" "${m%:*}"
    set -- "$k"
  done
}
i=0
while [ "$sig" = KILL ] && [ $i -lt 20 ]; do i=$((i+1)); look ''; [ $left = 0 ] && break; hit STOP; done
look list
[ -n "$sig" ] && hit "$sig"
echo end`

// process is one in a container, as reaper lists it.
type process struct {
	pid, parent string
	began       string // the kernel's ticks; with pid, it is no other process
	marked      bool
	name        string // as the process has it: anything, up to 15 bytes
}

func (p process) id() string { return p.pid + ":" + p.began }

var listed = regexp.MustCompile(`^p (\d{1,9}) (\d{1,9}) (\d{1,20}) ([01]) (.*)$`)

// readProcesses reads what reaper prints; ok is false where it was cut off.
func readProcesses(out []byte) (all []process, ok bool) {
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if m := listed.FindStringSubmatch(line); m != nil {
			all = append(all, process{pid: m[1], parent: m[2], began: m[3], marked: m[4] == "1", name: m[5]})
		}
		ok = line == "end"
	}
	return all, ok
}

// errLeft is what endProcesses returns when processes outlive everything; leftError says which.
var errLeft = errors.New("processes of the shell are still there")

type leftError struct{ names []string }

func (e *leftError) Error() string { return errLeft.Error() + ": " + strings.Join(e.names, ", ") }

// Is makes errors.Is(err, errLeft) true.
func (e *leftError) Is(target error) bool { return target == errLeft }

const (
	root      = "0" // comes second in endProcesses, where the engine lets it
	maxNamed  = 10  // processes that are named, of those that are left
	endRounds = 5
	// Rounds that could not run: a container that is being stopped takes no command, and is not yet known to be stopped.
	blindRounds = 25
	endPause    = 300 * time.Millisecond // after a round that could not run: a fork bomb leaves no room for another process
)

// endProcesses hangs up, then kills, then looks. The container's own user comes first, as it may signal its own even
// where root's capabilities were dropped; root comes second, for what became another user's in the meantime.
// No container, or one that does not run, has no processes either.
func endProcesses(ctx context.Context, e Engine, sh ShellRecord, f *family) error {
	if _, err := reap(ctx, e, sh, f, "HUP", ""); err != nil && gone(err, sh) == nil {
		return nil
	}
	var left []process
	var err error
	for looked, blind := 0, 0; looked < endRounds && blind < blindRounds; {
		if left, err = killRound(ctx, e, sh, f); len(left) == 0 && gone(err, sh) == nil {
			return nil
		}
		if err == nil {
			looked++
			continue
		}
		blind++
		pause(ctx, endPause)
	}
	if err == nil {
		err = &leftError{names(left)}
	}
	return fmt.Errorf("ending shell %s in %.12s: %w", sh.ID, sh.ContainerID, err)
}

// killRound returns what is left, or an error where that can't be said.
func killRound(ctx context.Context, e Engine, sh ShellRecord, f *family) ([]process, error) {
	left, err := kill(ctx, e, sh, f, "")
	if err != nil || len(left) == 0 {
		return left, err
	}
	byRoot, err := kill(ctx, e, sh, f, root)
	if errors.Is(err, ErrHostProcesses) || errors.Is(err, ErrNoShell) {
		return left, nil
	}
	return byRoot, err
}

func kill(ctx context.Context, e Engine, sh ShellRecord, f *family, user string) (left []process, err error) {
	if _, err := reap(ctx, e, sh, f, "KILL", user); err != nil {
		return nil, err
	}
	// The mark in the environment can be read by the same user alone, so the last word is the container's own user's.
	return reap(ctx, e, sh, f, "", user)
}

// gone drops the errors which say that there is nothing to end. A container without a sh never ran the wrapper either.
func gone(err error, sh ShellRecord) error {
	neverRan := sh.SID == 0 && errors.Is(err, ErrNoShell)
	if neverRan || errors.Is(err, ErrNoContainer) || errors.Is(err, ErrNotRunning) {
		return nil
	}
	return err
}

// reap signals the shell's processes, and returns those that there were. It runs the image's own shell: one that was put into
// a folder of PATH must not get to run as another user. An image that has it elsewhere is looked through as the container's own
// user, whose PATH it is.
func reap(ctx context.Context, e Engine, sh ShellRecord, f *family, signal, user string) ([]process, error) {
	found, err := reapWith(ctx, e, sh, f, signal, ExecSpec{Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, User: user})
	if user == "" && errors.Is(err, ErrNoShell) {
		return reapWith(ctx, e, sh, f, signal, ExecSpec{Cmd: []string{"sh"}})
	}
	return found, err
}

func reapWith(ctx context.Context, e Engine, sh ShellRecord, f *family, signal string, spec ExecSpec) ([]process, error) {
	sid := "none"
	if sh.SID > 0 {
		sid = strconv.Itoa(sh.SID)
	}
	spec.Cmd = append(spec.Cmd, "-c", reaper, "snapback", sid, sh.StartTime, sh.ID, lockMark(sh.ID), signal, f.victims())
	out, err := e.Run(ctx, sh.ContainerID, spec)
	if err != nil {
		return nil, fmt.Errorf("looking after shell %s: %w", sh.ID, err)
	}
	all, ok := readProcesses(out)
	if !ok {
		return nil, fmt.Errorf("looking after shell %s: %w: %q", sh.ID, ErrNoShell, clip(string(out), 80))
	}
	return f.follow(all), nil
}

// names says what is left, in words that are safe to show: a process has the name that it gives itself.
func names(left []process) []string {
	var out []string
	for _, p := range left[:min(len(left), maxNamed)] {
		name := strings.Map(func(r rune) rune {
			if strconv.IsPrint(r) {
				return r
			}
			return '?'
		}, strings.ToValidUTF8(p.name, "?"))
		out = append(out, fmt.Sprintf("%s (%s)", clip(name, 40), p.pid))
	}
	slices.Sort(out)
	if more := len(left) - maxNamed; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// clip shortens what comes from a container before it is put into an error.
func clip(s string, n int) string {
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
