package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// A unit of systemd, or a script, that has "docker rm -f api; docker run --name api …" in a loop wins against every restore:
// the swap ends what it waits for, so it removes whatever has the name and starts its own. Only a person can stop it.

// retakenWithin is how long a name that somebody has freed is watched for whoever frees it to take it. Systemd waits for
// 100 ms by default.
const retakenWithin = 3 * time.Second

// startsAgain says what to do about c, which has taken the name and is not this restore's.
func (ctr *container) startsAgain(ctx context.Context, c snapshot.Inspection) (string, error) {
	left, err := ctr.leftAlone(ctx)
	if err != nil {
		return "", err
	}
	name := ctr.restore.Container
	if c.ImageID != ctr.restore.Plan.OldImage {
		return fmt.Sprintf("another container has taken the name %s while the restore ran, perhaps a deploy: it was left alone%s", name, left), nil
	}
	return fmt.Sprintf("something starts it again (systemd, a script): stop that first, then restore again. To find it, on the engine's host: "+
		"systemctl list-units | grep %s; docker inspect -f '{{json .Config.Labels}}' %s. What it has started was left alone%s", name, name, left), nil
}

// leftAlone names the container from before, if it is still there.
func (ctr *container) leftAlone(ctx context.Context) (string, error) {
	for _, id := range []string{ctr.restore.Plan.keptID(), ctr.restore.Plan.OldID} {
		there, err := ctr.anyOf(ctx, id)
		if err != nil {
			return "", err
		}
		if there {
			c, err := ctr.Engine.Inspect(ctx, id)
			return fmt.Sprintf(", and so was the container from before (%s)", c.Name), err
		}
	}
	return "", nil
}

// awaitRetaken waits for whoever has removed the replacement to start its own under the name. What went back under it
// meanwhile would be removed as well, and with it the evidence and the undo.
func (ctr *container) awaitRetaken(ctx context.Context) error {
	p := ctr.restore.Plan
	if p.NewID == "" || !ctr.restore.passed(Prepared) {
		return nil
	}
	for end := time.Now().Add(retakenWithin); time.Now().Before(end); {
		there, err := ctr.anyOf(ctx, p.NewID)
		if there || err != nil {
			return err
		}
		c, found, err := ctr.nameHolder(ctx)
		if err != nil || found && (!p.ours(c.ID) || !beingRemoved(c)) {
			return err
		}
		select {
		case <-time.After(verifyPoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// neitherWay is what is said when the old container could not be put back. What the engine does not answer now is taken for unchanged.
func (ctr *container) neitherWay(ctx context.Context, why error) string {
	if c, found, err := ctr.nameHolder(ctx); err == nil && found && !ctr.restore.Plan.ours(c.ID) {
		if words, err := ctr.startsAgain(ctx, c); err == nil {
			return words + ctr.seenFirst()
		}
	}
	return fmt.Sprintf("%s; and then the old container could not be put back: %v. %s", ctr.restore.Error, why, ctr.advice(ctx))
}

// seenFirst adds what was seen before somebody else came in between.
func (ctr *container) seenFirst() string {
	if ctr.restore.Error == "" {
		return ""
	}
	return ". What was seen first: " + ctr.restore.Error
}

// isGone says that the engine is known not to have a container any more.
func (ctr *container) isGone(ctx context.Context, id string) bool {
	c, err := ctr.Engine.Inspect(ctx, id)
	return errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && beingRemoved(c)
}
