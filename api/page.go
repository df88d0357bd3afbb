package api

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// position is where a page ended: the time and the ID of its last item. It outlives that item's deletion.
type position struct {
	at int64 // microseconds since 1970, or 0
	id string
}

// compare orders positions: the newest comes first.
func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(q.at, p.at), cmp.Compare(q.id, p.id))
}

// cursor is p in a form that clients have no reason to look into; list keeps one list's cursors out of another.
func (p position) cursor(list string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + ":" + strconv.FormatInt(p.at, 10) + ":" + p.id))
}

// parseCursor reads a cursor of that list. ok is false for anything that cursor did not make.
func parseCursor(list, cursor string) (p position, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) > 512 {
		return position{}, false
	}
	rest, found := strings.CutPrefix(string(raw), list+":")
	at, id, colon := strings.Cut(rest, ":")
	p.at, err = strconv.ParseInt(at, 10, 64)
	p.id = id
	return p, found && colon && err == nil && p.cursor(list) == cursor
}

// page is what a request asks to see of a list.
type page struct {
	list  string
	limit int
	from  *position // nil: the beginning
}

func pageOf(r *http.Request, list string) (page, error) {
	p := page{list: list, limit: defaultLimit}
	q := r.URL.Query()
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return page{}, malformed(fmt.Sprintf("limit is a number from 1 to %d.", maxLimit))
		}
		p.limit = n
	}
	if s := q.Get("cursor"); s != "" {
		from, ok := parseCursor(list, s)
		if !ok {
			return page{}, malformed("The cursor is not one from this list. Begin without one.")
		}
		p.from = &from
	}
	return p, nil
}

// id is the cursor's ID as a number, for lists that are numbered; 0 without a cursor.
func (p page) id() (int64, error) {
	if p.from == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.from.id, 10, 64)
	if err != nil || n < 1 {
		return 0, malformed("The cursor is not one from this list. Begin without one.")
	}
	return n, nil
}

// cut sorts a whole list, the newest first, and returns the page and the cursor of the next one.
func cut[T any](p page, all []T, where func(T) position) ([]T, string) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b T) int { return where(a).compare(where(b)) })
	if p.from != nil {
		all = slices.DeleteFunc(all, func(v T) bool { return where(v).compare(*p.from) <= 0 })
	}
	return trim(p, all, where)
}

// trim makes a page of a list that was read with one item more than the limit.
func trim[T any](p page, all []T, where func(T) position) ([]T, string) {
	if len(all) <= p.limit {
		return all, ""
	}
	all = all[:p.limit]
	return all, where(all[p.limit-1]).cursor(p.list)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func numbered(id int64) position { return position{id: strconv.FormatInt(id, 10)} }
