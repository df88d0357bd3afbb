package enginefault

import (
	"net/http"
	"regexp"
	"slices"
)

// Kind is what a call does to the engine.
type Kind string

// The kinds of calls that change something.
const (
	Create     Kind = "create"
	Connect    Kind = "connect" // and disconnect
	Update     Kind = "update"
	Stop       Kind = "stop"
	Rename     Kind = "rename"
	Startup    Kind = "start"
	Unpause    Kind = "unpause"
	Remove     Kind = "remove"
	Commit     Kind = "commit"
	Tag        Kind = "tag"
	Untag      Kind = "untag"
	OtherWrite Kind = "other"
)

// Call is one call that changes something.
type Call struct {
	N      int    // counted from 1 since Forget; 0 with OtherWrite, since a bot does such things at any time
	Kind   Kind   // what it does
	Of     string // the container, network or image in its path; for a create the name, for a rename the new name
	Status int    // what the engine answered; 0 while it has not
}

// Fault is what happens to one call. With neither Swallow, Refuse nor Drop the call only takes the time of the hooks.
type Fault struct {
	On      func(Call) bool // which call; nil: the next one
	Always  bool            // every such call, and not only the first
	Before  func(Call)      // runs when the call has arrived; the call waits for it
	Swallow bool            // the call never reaches the engine, and the connection breaks
	Refuse  int             // the status with which it is refused; 0: it goes to the engine
	Message string          // what a refusal says
	After   func(Call)      // runs when the engine has done it, before the answer goes out
	Drop    bool            // the engine does it, and the connection breaks before the answer

	done bool
}

// Nth chooses the nth call since Forget.
func Nth(n int) func(Call) bool { return func(c Call) bool { return c.N == n } }

// Of chooses calls of a kind.
func Of(kind Kind) func(Call) bool { return func(c Call) bool { return c.Kind == kind } }

// Arm adds faults. When several are for one call, the first one has it.
func (p *Proxy) Arm(faults ...*Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, faults...)
}

// Forget forgets all faults and calls.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.calls, p.count = nil, nil, 0
}

// Calls are those that arrived since Forget, in order.
func (p *Proxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

func (p *Proxy) arrive(kind Kind, of string) (Call, *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	call := Call{Kind: kind, Of: of}
	if kind != OtherWrite {
		p.count++
		call.N = p.count
	}
	p.calls = append(p.calls, call)
	for _, f := range p.faults {
		if f.done || f.On != nil && !f.On(call) {
			continue
		}
		f.done = !f.Always
		return call, f
	}
	return call, nil
}

func (p *Proxy) answered(call Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.calls { // none when they were forgotten meanwhile
		if now := &p.calls[i]; now.N == call.N && now.Kind == call.Kind && now.Of == call.Of {
			now.Status = call.Status
		}
	}
}

// The engine's API, as far as it changes what a restore is about. Version prefixes are optional there.
var (
	narrowed  = regexp.MustCompile(`^(/v[0-9.]+)?/(containers/json|events)$`)
	listed    = regexp.MustCompile(`^(/v[0-9.]+)?/containers/json$`)
	container = regexp.MustCompile(`^(?:/v[0-9.]+)?/containers/([^/]+)(?:/(\w+))?$`)
	networkOp = regexp.MustCompile(`^(?:/v[0-9.]+)?/networks/([^/]+)/(?:dis)?connect$`)
	imageOp   = regexp.MustCompile(`^(?:/v[0-9.]+)?/images/(.+?)(/tag)?$`)
	commitOp  = regexp.MustCompile(`^(?:/v[0-9.]+)?/commit$`)
	question  = regexp.MustCompile(`[/=]0{64}\b|[?&]name=-(&|$)`) // about nothing that there is: the bot asks what is allowed
	harmless  = regexp.MustCompile(`/(wait|attach|exec|start|resize|json)$|/auth$|/build`)
)

var acts = map[string]Kind{
	"update": Update, "stop": Stop, "rename": Rename, "start": Startup, "unpause": Unpause, "kill": Stop, "restart": Stop,
}

// classify says what a request does; "" when it only looks.
func classify(r *http.Request) (Kind, string) {
	if r.Method != http.MethodPost && r.Method != http.MethodDelete || question.MatchString(r.URL.RequestURI()) {
		return "", ""
	}
	path, query := r.URL.EscapedPath(), r.URL.Query()
	if m := container.FindStringSubmatch(path); m != nil {
		return containerCall(r.Method, unescape(m[1]), m[2], query.Get("name"))
	}
	if m := networkOp.FindStringSubmatch(path); m != nil {
		return Connect, unescape(m[1])
	}
	if commitOp.MatchString(path) {
		return Commit, query.Get("repo") + ":" + query.Get("tag")
	}
	if m := imageOp.FindStringSubmatch(path); m != nil {
		if r.Method == http.MethodDelete {
			return Untag, unescape(m[1])
		}
		return Tag, query.Get("repo") + ":" + query.Get("tag")
	}
	if harmless.MatchString(path) {
		return "", ""
	}
	return OtherWrite, unescape(path)
}

func containerCall(method, id, act, name string) (Kind, string) {
	switch kind := acts[act]; {
	case method == http.MethodDelete:
		return Remove, id
	case id == "create":
		return Create, name
	case kind == Rename:
		return kind, name
	case kind != "":
		return kind, id
	}
	return "", "" // such as wait: it changes nothing
}
