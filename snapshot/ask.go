package snapshot

import (
	"context"
	"errors"
	"time"
)

// ErrCommitsBusy says that other commits on the engine have not ended for so long that one was given up.
var ErrCommitsBusy = errors.New("other commits on this engine take too long")

// TakeRequest is a wish for a snapshot.
type TakeRequest struct {
	Name      string // "": the reason and the time, such as pre-deploy-2255, numbered
	Numbered  bool   // a Name that is taken gets -2, -3, …
	Reason    Reason // "": Manual
	Note      string
	ExpiresIn time.Duration // 0: as snapback.keep has it
	Pinned    bool
	By        By
	NoVolumes bool            // leave their contents out, whatever the label says
	Patience  context.Context // when it ends, reading volumes is given up, and the snapshot is taken without; nil: never
	Unwell    string          // what is known against it beyond what the engine shows; "": nothing
}
