package terminal

// Subprotocol is the only one that is spoken. Text frames are JSON messages; binary frames, which only the browser is sent, are a
// shell's output behind its 8-byte offset (big endian) since the session began.
const Subprotocol = "snapback.terminal.v2"

// said is a message from the browser.
type said struct {
	Type    string  `json:"type"` // hello, shell, typed, resize, active, answer, watch, unwatch, ask, spare, give, take
	Session string  `json:"session"`
	Epoch   string  `json:"epoch"`
	Have    *cursor `json:"have"` // what the page shows already, counted in Epoch
	At      int64   `json:"at"`   // with answer: the output that the question stands in begins there, counted in Epoch
	Cols    int     `json:"cols"`
	Rows    int     `json:"rows"`
	Text    string  `json:"text"` // with typed; or an answer of the terminal's own, which nobody has typed
	Run     string  `json:"run"`  // with typed: the shell that it is for
	By      string  `json:"by"`   // with typed and hello: under which name the page counts
	Number  int64   `json:"number"`
	Whom    int     `json:"whom"` // with give and spare: a member of those at the shell
}

// toBrowser is a message to the browser.
type toBrowser struct {
	Type    string      `json:"type"` // hello, lines, status, typed, refused, notice, beat, watch, watched, unwatched
	Epoch   string      `json:"epoch,omitempty"`
	Live    int64       `json:"live,omitempty"` // with hello: output before this offset is history, whose questions have been answered
	Status  *status     `json:"status,omitempty"`
	Lines   []shownLine `json:"lines,omitempty"`
	Next    int64       `json:"next,omitempty"`
	Skipped int64       `json:"skipped,omitempty"`
	Text    string      `json:"text,omitempty"`
	Name    string      `json:"name,omitempty"`  // with watch: whose shell it is
	You     int         `json:"you,omitempty"`   // with watch: who the page's person is among those at the shell
	Run     string      `json:"run,omitempty"`   // with hello: the shell that there is
	By      string      `json:"by,omitempty"`    // with typed and refused
	Typed   int64       `json:"typed,omitempty"` // with hello, typed and refused: what has been taken, up to and with this number
}
