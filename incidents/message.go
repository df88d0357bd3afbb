package incidents

import "time"

// Message is how far a timeline has been told in Slack. Times are UTC.
type Message struct {
	IncidentID  int64
	Channel     string
	TS          string // Slack's ID of the message; "" before it is posted
	Rendered    []byte // hash of the last rendering
	Seq         int64  // the last timeline entry that was dealt with
	Attempt     int64  // what is being posted: -1 nothing, 0 the message itself, n the entry with that seq
	AttemptedAt time.Time
	Picture     ThreadPicture
	Shown       []int64  // restores of which the channel was shown that they are verified, or is about to be
	Threads     []Thread // with incident 0 only: the messages of recent restores
}

// ThreadPicture is the picture of the errors in an incident's thread.
type ThreadPicture struct {
	File  string   `json:"file,omitempty"`  // Slack's ID of it; "" before there is one
	Seq   int64    `json:"seq,omitempty"`   // up to which entry it shows the night
	Due   int64    `json:"due,omitempty"`   // up to which it is to
	Fails int      `json:"fails,omitempty"` // how often in a row it could not be brought there
	Old   []string `json:"old,omitempty"`   // files that are to be removed, or may not be there
}

// Thread is the message under which the entries of a restore outside any incident are posted.
type Thread struct {
	Restore int64  `json:"restore"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}
