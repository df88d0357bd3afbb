package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot/restore"
)

// bot answers with h, and returns a client for it.
func bot(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL+"/", "secret-token")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRefusesWhatCannotBeABot(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"", "t"}, {"bot.example", "t"}, {"ftp://bot.example", "t"}, {"https://u:p@bot.example", "t"}, {"https://bot.example", ""}, {"https://bot.example", "a\nb"}} {
		if _, err := client.New(c[0], c[1]); !errors.Is(err, client.ErrConfig) || !strings.Contains(err.Error(), "SNAPBACK_") {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestARefusalIsToldInTheBotsWords(t *testing.T) {
	t.Parallel()
	c := bot(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(422)
		fmt.Fprint(w, `{"status":422,"code":"not_restorable","detail":"Not done.","reasons":["the image is gone","port 80 is taken"]}`)
	})
	_, err := c.Restore(t.Context(), "api", "x", "", false, wire.RestoreAsk{})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != "not_restorable" {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff("Not done. the image is gone; port 80 is taken.", err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestAnAnswerThatIsNotTheBotsIsSaidToBe(t *testing.T) {
	t.Parallel()
	c := bot(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>Bad Gateway</h1>", http.StatusBadGateway)
	})
	_, err := c.GetRestore(t.Context(), 1)
	if err == nil || !strings.Contains(err.Error(), "answered 502") || !strings.Contains(err.Error(), "SNAPBACK_URL") {
		t.Errorf("got %v", err)
	}
}

func TestTheTokenDoesNotFollowARedirect(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	c := bot(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Containers(t.Context()); err == nil {
		t.Error("a redirect is an answer")
	}
	if elsewhere.Load() != 0 {
		t.Error("another host was asked")
	}
}

func TestARestoreIsAskedForByWhatWasSeen(t *testing.T) {
	t.Parallel()
	c := bot(t, func(w http.ResponseWriter, r *http.Request) {
		got := []string{r.Method, r.URL.EscapedPath(), r.Header.Get("Prefer"), r.Header.Get("If-Match"), r.Header.Get("Authorization"), r.Header.Get("Content-Type")}
		want := []string{"PATCH", "/containers/a%2Fb/snapshots/x", "respond-async", `"0123456789ab"`, "Bearer secret-token", "application/json"}
		if diff := cmp.Diff(want, got); diff != "" || r.Header.Get("Idempotency-Key") == "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":7,"state":"requested"}`)
	})
	r, err := c.Restore(t.Context(), "a/b", "x", "0123456789ab", false, wire.RestoreAsk{Reason: "x"})
	if err != nil || r.ID != 7 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestAwaitSeesARestoreThroughWhileTheBotIsRestarted(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	c := bot(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) {
		case 1:
			fmt.Fprint(w, `{"id":7,"state":"swapping"}`)
		case 2:
			http.Error(w, "", http.StatusBadGateway)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, `{"id":7,"state":"verified"}`)
		}
	})
	var states []restore.State
	r, err := c.Await(t.Context(), 7, time.Millisecond, time.Minute, func(r wire.Restore) { states = append(states, r.State) })
	if err != nil || r.State != restore.Verified {
		t.Errorf("got %v, %v", r.State, err)
	}
	if diff := cmp.Diff([]restore.State{restore.Swapping, restore.Verified}, states); diff != "" {
		t.Error(diff)
	}
}

func TestAwaitGivesUpOnARefusalAndOnSilence(t *testing.T) {
	t.Parallel()
	status := 404
	c := bot(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"code":"x","detail":"y"}`, status)
	})
	for _, status = range []int{404, 503} {
		_, err := c.Await(t.Context(), 7, time.Millisecond, 20*time.Millisecond, func(wire.Restore) {})
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Status != status {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	c := bot(t, func(w http.ResponseWriter, r *http.Request) {
		page := wire.Snapshots{Snapshots: []wire.Snapshot{{Name: "one"}}, NextCursor: "c2"}
		if r.URL.Query().Get("cursor") == "c2" {
			page = wire.Snapshots{Snapshots: []wire.Snapshot{{Name: "two"}}}
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	list, err := c.Snapshots(t.Context(), "api")
	if err != nil || len(list) != 2 || list[1].Name != "two" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestAWishThatIsSentAgainHasItsCallersKey(t *testing.T) {
	t.Parallel()
	var keys []string
	c := bot(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		fmt.Fprint(w, `{}`)
	})
	for _, one := range []*client.Client{c.WithKey("deploy-1"), c.WithKey("deploy-1"), c, c} {
		if _, err := one.TakeSnapshot(t.Context(), "api", wire.NewSnapshot{}); err != nil {
			t.Fatal(err)
		}
	}
	if keys[0] != "deploy-1" || keys[1] != "deploy-1" || keys[2] == "" || keys[2] == keys[3] || keys[2] == "deploy-1" {
		t.Errorf("the keys are %q", keys)
	}
}
