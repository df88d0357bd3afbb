package pgserver

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// watch is the guard's script: once nobody has held the users' lock for $4 seconds, it takes the lock, so that no
// newcomer adopts a dying server, and stops the server if it still is the one in that folder. It ends with the server.
//
// $1 the lock, $2 the server's process, $3 its folder, $4 seconds, $5 "forget" to remove the folder
const watch = `
ours() { [ "$(readlink "/proc/$2/cwd")" = "$3" ]; }
end() {
  kill -INT "$2"
  n=0
  while ours "$@" && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done
  if [ "$5" = forget ] && ! ours "$@"; then rm -rf "$3"; fi
}
if [ "$6" = now ]; then if ours "$@"; then end "$@"; fi; exit; fi
idle=0
while ours "$@"; do
  sleep 1
  if flock -n -x "$1" true; then idle=$((idle+1)); else idle=0; fi
  if [ $idle -ge "$4" ]; then flock -n -x "$1" sh -c "$0" "$0" "$1" "$2" "$3" "$4" "$5" now; idle=0; fi
done
`

// postGuard starts a process that outlives us and stops the server when all its users are gone. It hangs
// on nothing of ours: a session of its own, no files but /dev/null, and its parent is init as the outer shell ends at once.
func (f folder) postGuard(p *postmaster, patience time.Duration, forget bool) error {
	data, err := filepath.EvalSymlinks(f.data())
	if err != nil {
		return fmt.Errorf("starting the database's guard: %w", err)
	}
	mode := "keep"
	if forget {
		mode = "forget"
	}
	seconds := strconv.Itoa(max(1, int(patience/time.Second)))
	cmd := exec.Command("sh", "-c", `sh -c "$0" "$0" "$@" &`, watch, f.path("users.lock"), strconv.Itoa(p.pid), data, seconds, mode)
	cmd.Env, cmd.Dir = f.acct.environment(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("starting the database's guard: %w", err)
	}
	return nil
}
