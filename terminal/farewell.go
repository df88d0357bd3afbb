package terminal

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// farewellTime is what saying good-bye to a browser may take, there and back.
const farewellTime = 10 * time.Second

// wire is a WebSocket with the connection beneath it. The library waits for the rest of a frame without a limit when it says good-bye, and
// a hostile browser can announce one that never comes to its end.
type wire struct {
	*websocket.Conn
	beneath net.Conn
}

// accept takes a WebSocket. When it does not, the library has answered.
func accept(w http.ResponseWriter, r *http.Request, o *websocket.AcceptOptions) (wire, error) {
	h := &hijacked{ResponseWriter: w}
	conn, err := websocket.Accept(h, r, o)
	return wire{conn, h.conn}, err
}

// bye says why, and waits no longer than farewellTime for an answer.
func (w wire) bye(code websocket.StatusCode, reason string) {
	_ = w.beneath.SetDeadline(time.Now().Add(farewellTime))
	_ = w.Close(code, clip(reason, 115))
}

// hijacked keeps the connection that is taken over.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacked) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	conn, rw, err = http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, rw, err
}
