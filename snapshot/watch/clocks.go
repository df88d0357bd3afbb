package watch

import (
	"time"

	"github.com/robfig/cron/v3"
)

// allHours are the 24 hours of cron.SpecSchedule's Hour.
const allHours = 1<<24 - 1

// parseSchedule reads a cron expression or @every. A cron expression goes by the clock on the wall of its own zone, else of
// that of the time which Next is given. cron's own Next passes over what a change of clocks leaves out, takes twice what it
// shows twice, and at times loses a whole day where midnight is left out.
func parseSchedule(spec string) (cron.Schedule, error) {
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, err
	}
	if by, ok := schedule.(*cron.SpecSchedule); ok {
		return wallClock{spec: by, hourly: by.Hour&allHours == allHours}, nil
	}
	return schedule, nil
}

// wallClock is a cron expression across changes of clocks. What the clock leaves out is due at the first moment after the
// gap. What it shows twice is due the first time only. Expressions for every hour go by the time that passes: they are due in
// both of two equal hours, and a gap adds none, unless the next one would come late for it.
type wallClock struct {
	spec   *cron.SpecSchedule
	hourly bool
}

// Next is the first moment after t that is due, in t's zone; zero when none comes within five years.
func (c wallClock) Next(t time.Time) time.Time {
	zone := c.spec.Location
	if zone == time.Local { // so cron says that the expression names none
		zone = t.Location()
	}
	p := periodAt(t, zone)
	for from := p.wall(t); ; {
		due := c.nextOnWall(p.past(from, c.hourly))
		if due.IsZero() {
			return due
		}
		if !p.ends() || p.real(due).Before(p.end) {
			return p.real(due).In(t.Location())
		}
		next := periodAt(p.end, zone)
		if c.leftOut(due, p, next) {
			return p.end.In(t.Location())
		}
		p, from = next, next.wall(p.end).Add(-time.Second)
	}
}

// nextOnWall is the first due time after from. Both are times on the wall, written as UTC, where no clock changes.
func (c wallClock) nextOnWall(from time.Time) time.Time {
	spec := *c.spec
	spec.Location = time.UTC
	return spec.Next(from)
}

// leftOut says whether due, the first on the wall from the end of p on, falls into the gap before next and is to be made up for.
func (c wallClock) leftOut(due time.Time, p, next period) bool {
	opens := next.wall(p.end)
	if !due.Before(opens) {
		return false
	}
	gap := next.offset - p.offset
	soon := c.nextOnWall(opens.Add(-time.Second))
	return !c.hourly || soon.Sub(opens) >= gap
}

// period is a time between two changes of clocks.
type period struct {
	offset   time.Duration // what the wall shows beyond UTC
	end      time.Time     // zero: none
	repeated time.Time     // on the wall: what is before it has been shown in the period before; zero: nothing has
}

func periodAt(t time.Time, zone *time.Location) period {
	t = t.In(zone)
	start, end := t.ZoneBounds()
	p := period{offset: offset(t), end: end}
	if start.IsZero() {
		return p
	}
	if before := offset(start.Add(-time.Second)); before > p.offset {
		p.repeated = period{offset: before}.wall(start)
	}
	return p
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

func (p period) ends() bool { return !p.end.IsZero() }

// wall is what the clock on the wall shows at t, written as UTC.
func (p period) wall(t time.Time) time.Time { return t.UTC().Add(p.offset) }

// real is when the clock on the wall shows that.
func (p period) real(wall time.Time) time.Time { return wall.Add(-p.offset) }

// past is from, or what follows on the repeated hour unless that counts as well.
func (p period) past(from time.Time, twice bool) time.Time {
	if last := p.repeated.Add(-time.Second); !twice && !p.repeated.IsZero() && from.Before(last) {
		return last
	}
	return from
}
