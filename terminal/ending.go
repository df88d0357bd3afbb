package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

const finishTime = 30 * time.Second // for the processes of a shell to be ended and looked after

// finish ends what is left of the shell, and returns what the person is told.
func (sh *shell) finish(cause error) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sh.l.ctx), finishTime)
	defer cancel()
	message, status := sh.epitaph(ctx, cause)
	if sh.ex != nil {
		_ = sh.ex.Close()
	}
	if sh.rec.ContainerID == "" {
		close(sh.concluded)
		return message
	}
	sh.l.say("ending", "Ending the shell's processes")
	why := message
	sh.l.work.Go(func() { // the processes don't wait for a timeline that hangs
		defer close(sh.concluded)
		if sh.told && !sh.ran {
			sh.reportNone(ctx, why)
		}
		sh.l.conclude(ctx, sh, status)
	})
	err := sh.l.svc.endProcesses(ctx, sh.rec, sh.family)
	<-sh.concluded
	if err == nil {
		err = sh.l.svc.closeShell(ctx, sh.rec)
	}
	if err != nil {
		sh.l.svc.log.Error("shell not ended", "session", sh.l.sess.ID, "container", sh.l.sess.Name, "err", err)
		message += " " + sh.reportLeft(ctx, err)
	}
	return message
}

// reportNone says on the timeline that the shell which is said there to start has not come about.
func (sh *shell) reportNone(ctx context.Context, why string) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	l := sh.l
	sh.report(ctx, incidents.KindTerminalNoShell, fmt.Sprintf("No shell came about for %s in %s: %s", l.sess.Person.Name, cmp.Or(sh.task, l.sess.Name), why))
}

// reportLeft says to the person what could not be ended, and puts it on the timeline.
func (sh *shell) reportLeft(ctx context.Context, err error) string {
	left, named := (*leftError)(nil), ""
	if errors.As(err, &left) {
		named = " (" + strings.Join(left.names, ", ") + ")"
	}
	l := sh.l
	sh.report(ctx, incidents.KindTerminalEndFailed,
		fmt.Sprintf("Processes of %s's shell in %s could not all be ended%s; Snapback keeps trying", l.sess.Person.Name, l.sess.Name, named))
	return "Its processes could not all be ended yet" + named + "; the bot keeps trying."
}

// killed is the status of what was ended by SIGKILL, as all in a container are that ends. The engine may say so before it says that the
// container has stopped: it is given a moment to. With what a shell has ended it says a moment after the output's end.
const (
	exitTime    = 10 * time.Second
	killed      = 128 + 9
	stoppedTime = 6 * time.Second
)

// epitaph says how it ended, and with which status; a negative one is none. 126 is what the engine says when it could not run the
// command, so it is nobody's.
func (sh *shell) epitaph(ctx context.Context, cause error) (text string, status int) {
	const stopped = "The container was stopped, which ended this shell."
	switch {
	case errors.Is(cause, ErrNotRecorded) && sh.ran && !errors.Is(cause, ErrSessionOver):
		return fmt.Sprintf("The database did not take this shell's recording for %d seconds, so it was ended. Try again in a minute.", sh.l.svc.cfg.Unrecorded/time.Second), -1
	case errors.Is(cause, ErrNotRecorded) && sh.ran:
		return "This shell could not be recorded any more, so it was ended. Try again in a minute.", -1
	case errors.Is(cause, ErrNoShell) && sh.of != "" && sh.containerStopped(ctx):
		return stopped, -1
	case cause != nil:
		return words(cause), -1
	case sh.containerStopped(ctx):
		return stopped, -1
	}
	for end := time.Now().Add(exitTime); time.Now().Before(end); {
		code, ok, err := sh.ex.ExitCode(ctx)
		if ok && err == nil && code == killed && sh.containerStops(ctx) {
			return stopped, -1
		}
		if ok && err == nil && code != 126 {
			sh.endedItself(code != killed)
			return fmt.Sprintf("The shell exited with code %d.", code), code
		}
		if err != nil && sh.containerStops(ctx) {
			return stopped, -1
		}
		if ok || err != nil {
			break
		}
		pause(ctx, 100*time.Millisecond)
	}
	return "The shell ended.", -1
}

func (sh *shell) endedItself(yes bool) {
	sh.l.mu.Lock()
	defer sh.l.mu.Unlock()
	sh.ended = yes
}

// containerStops says whether it has stopped within stoppedTime.
func (sh *shell) containerStops(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, stoppedTime)
	defer cancel()
	for ctx.Err() == nil {
		if sh.containerStopped(ctx) {
			return true
		}
		pause(ctx, stoppedTime/30)
	}
	return false
}

// containerStopped says whether the shell's container no longer runs, has been started anew, or no longer stands under its name. A task's may
// run on when its service has become something else.
func (sh *shell) containerStopped(ctx context.Context) bool {
	if sh.task != "" {
		_, err := sh.l.svc.cfg.Engine.Run(ctx, sh.rec.ContainerID, ExecSpec{Cmd: []string{"sh", "-c", ":"}})
		return errors.Is(err, ErrNoContainer) || errors.Is(err, ErrNotRunning)
	}
	t, err := sh.l.svc.cfg.Engine.Resolve(ctx, sh.l.sess.Container)
	return errors.Is(err, ErrNoContainer) || err == nil && (t.ID != sh.of || t.Started != sh.since || !t.Running())
}
