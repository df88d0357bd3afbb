package slackfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const maxBody = 4 << 20

// apiError is a refusal by its name in Slack's method reference.
type apiError struct {
	code     string
	messages []string // response_metadata.messages
}

func (e *apiError) Error() string { return e.code }

func refuse(code string, messages ...string) error {
	return &apiError{code: code, messages: messages}
}

// result is an answer's members beside ok.
type result map[string]any

// method carries out one Web API method. It takes mu itself.
type method func(*call) (result, error)

// call is a Web API call, whatever way its arguments came.
type call struct {
	args  map[string]json.RawMessage
	token string
}

// str is an argument as text; "" when it is absent.
func (c *call) str(name string) string {
	raw := c.args[name]
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// raw is a structured argument. It may come as JSON or as JSON within a string.
func (c *call) raw(name string) json.RawMessage {
	return json.RawMessage(c.str(name))
}

// has tells an absent argument from an empty one.
func (c *call) has(name string) bool {
	_, ok := c.args[name]
	return ok
}

// flag is a Boolean argument in any of the forms that Slack takes.
func (c *call) flag(name string, fallback bool) bool {
	switch c.str(name) {
	case "true", "1", "t":
		return true
	case "false", "0", "f":
		return false
	}
	return fallback
}

// number is a whole number within bounds.
func (c *call) number(name string, fallback, least, most int) int {
	n, err := strconv.Atoi(c.str(name))
	if err != nil {
		return fallback
	}
	return min(max(n, least), most)
}

// need refuses a call that lacks an argument, by Slack's generic name for it.
func (c *call) need(names ...string) error {
	for _, name := range names {
		if c.str(name) == "" {
			return refuse("invalid_arguments", "[ERROR] missing required field: "+name)
		}
	}
	return nil
}

// ServeHTTP serves the Web API and the URLs that it hands out.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	defer s.wg.Done()
	if s.out(w) {
		return
	}
	switch first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); first {
	case "api":
		s.serveAPI(w, r, rest)
	case "actions", "commands":
		s.serveResponseURL(w, r, rest)
	case "upload":
		s.serveUpload(w, r, rest)
	case "files":
		s.serveFile(w, r, rest)
	case "link":
		s.serveSocket(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	p := s.planFor(name)
	s.hold(r, p.delay)
	if p.limited {
		tooMany(w, p.retryAfter)
		return
	}
	if s.cfg.Scopes != nil {
		w.Header().Set("X-OAuth-Scopes", strings.Join(s.cfg.Scopes, ","))
	}
	res, err := s.carryOut(r, name, p)
	if p.dropped {
		panic(http.ErrAbortHandler) // net/http's own way to close without an answer
	}
	writeJSON(w, answer(res, err))
}

func (s *Server) carryOut(r *http.Request, name string, p plan) (result, error) {
	if p.refused != "" {
		return nil, refuse(p.refused)
	}
	m, ok := s.methods[name]
	if !ok {
		return nil, refuse("unknown_method")
	}
	c, err := parseCall(r)
	if err != nil {
		return nil, err
	}
	if err := s.authorise(c, name); err != nil {
		return nil, err
	}
	return m(c)
}

// authorise checks the token's value and its kind.
func (s *Server) authorise(c *call, name string) error {
	wantsApp := name == "apps.connections.open"
	isApp := s.cfg.AppToken != "" && c.token == s.cfg.AppToken
	switch {
	case c.token == "":
		return refuse("not_authed")
	case isApp && wantsApp:
		return nil
	case c.token == s.cfg.BotToken && !wantsApp:
		return s.scoped(name)
	case isApp || c.token == s.cfg.BotToken:
		return refuse("not_allowed_token_type")
	}
	return refuse("invalid_auth")
}

// scoped refuses what the bot token has no scope for, of the methods whose scope an app may do without.
func (s *Server) scoped(name string) error {
	if strings.HasPrefix(name, "files.") && s.cfg.Scopes != nil && !slices.Contains(s.cfg.Scopes, "files:write") {
		return refuse("missing_scope")
	}
	return nil
}

func answer(res result, err error) result {
	out := result{"ok": err == nil}
	maps.Copy(out, res)
	var refused *apiError
	switch {
	case errors.As(err, &refused):
		out["error"] = refused.code
		if len(refused.messages) > 0 {
			out["response_metadata"] = result{"messages": refused.messages}
		}
	case err != nil:
		out["error"] = "internal_error"
	}
	return out
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v)
}

// parseCall reads the arguments. A token within a JSON body is not looked at, as
// Slack takes it from the header then.
func parseCall(r *http.Request) (*call, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, refuse("request_timeout")
	}
	c := &call{args: map[string]json.RawMessage{}}
	c.addForm(r.URL.Query())
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded", "":
		err = c.addFormBody(body)
	case "application/json":
		err = c.addJSON(body)
	default:
		err = refuse("invalid_post_type")
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		c.token = bearer
	}
	return c, err
}

func (c *call) addForm(values url.Values) {
	for name, v := range values {
		if name == "token" {
			c.token = v[0]
			continue
		}
		text, _ := json.Marshal(v[0])
		c.args[name] = text
	}
}

func (c *call) addFormBody(body []byte) error {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return refuse("invalid_form_data")
	}
	c.addForm(values)
	return nil
}

func (c *call) addJSON(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var args map[string]json.RawMessage
	if err := json.Unmarshal(body, &args); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return refuse("json_not_object")
		}
		return refuse("invalid_json")
	}
	delete(args, "token")
	maps.Copy(c.args, args)
	return nil
}
