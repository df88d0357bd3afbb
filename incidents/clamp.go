package incidents

import "time"

// ahead is how far the clock of another system may go ahead of ours.
const ahead = 5 * time.Minute

// Clamp is a time that another system says something happened at, as far as it can be: one in the future, or from before
// there was anything to tell of, is now. Whatever comes after it would count as late, for as long as that future lasts.
func Clamp(at, now time.Time) time.Time {
	if at.After(now.Add(ahead)) || !at.IsZero() && at.Year() < 2000 {
		return now
	}
	return at
}
