package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// aBot stands in for a bot that runs elsewhere: snapshots can be taken, and one restore is over at the second look.
func aBot() *httptest.Server {
	looks := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /containers/api/snapshots", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"name":"pre-deploy-2255","container":"api","reason":"pre-deploy","restorable":true}`)
	})
	mux.HandleFunc("PATCH /containers/api/snapshots/pre-deploy-2255", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":12,"state":"requested"}`)
	})
	mux.HandleFunc("GET /deploys", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"deploys":[{"id":9,"container":"api","at":"2026-03-01T22:55:00Z","snapshot":"pre-deploy-2255",
			"changes":[{"attribute":"image","before":"shop:1.41","after":"shop:1.42"}]}]}`)
	})
	mux.HandleFunc("GET /incidents/4711", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":7,"pagerduty_id":"PT4KHLK","number":4711,"title":"checkout answers 500","status":"resolved"}`)
	})
	mux.HandleFunc("GET /incidents/7/timeline", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			fmt.Fprint(w, `{"entries":[{"seq":1,"occurred_at":"2026-03-01T03:42:00Z","summary":"The alert came"}],"next_cursor":"more"}`)
			return
		}
		fmt.Fprint(w, `{"entries":[{"seq":2,"occurred_at":"2026-03-01T03:46:00Z","summary":"Ada restored pre-deploy-2255"}]}`)
	})
	mux.HandleFunc("GET /incidents/4711/export", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "# checkout answers 500\n\nin %s\n", r.URL.Query().Get("format"))
	})
	mux.HandleFunc("GET /containers/api/hold", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status":404,"code":"not_held","detail":"No deploy of this container is on hold."}`)
	})
	mux.HandleFunc("PATCH /containers/api/snapshots/gone", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"status":422,"code":"not_restorable","detail":"Not done.","reasons":["the image is gone"]}`)
	})
	mux.HandleFunc("GET /restores/12", func(w http.ResponseWriter, _ *http.Request) {
		if looks++; looks == 1 {
			fmt.Fprint(w, `{"id":12,"state":"swapping","summary":"Replacement ready; stopping the running api"}`)
			return
		}
		fmt.Fprint(w, `{"id":12,"state":"verified","summary":"api is back on pre-deploy-2255"}`)
	})
	return httptest.NewServer(mux)
}

// A pipeline keeps the state from before it deploys, and stops when that can't be.
func ExampleClient_TakeSnapshot() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-for-snapshots")
	if err != nil {
		log.Fatal(err)
	}
	s, err := c.TakeSnapshot(context.Background(), "api", wire.NewSnapshot{Reason: "pre-deploy", Note: "before 1.42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("kept as", s.Name)
	// Output: kept as pre-deploy-2255
}

// A report says what was deployed in the last week.
func ExampleClient_Deploys() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-that-reads-snapshots")
	if err != nil {
		log.Fatal(err)
	}
	deploys, err := c.Deploys(context.Background(), client.DeploysAsk{Since: "7d"})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range deploys {
		fmt.Println(d.At.Format("Mon 15:04"), d.Container, snapshot.OneLine(d.Changes, 3))
	}
	// Output: Sun 22:55 api image: shop:1.41 → shop:1.42
}

// A restore is asked for, and then seen through: it goes on whether anybody waits for it or not.
func ExampleClient_Await() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-for-restores")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	asked, err := c.Restore(ctx, "api", "pre-deploy-2255", "", false, wire.RestoreAsk{Reason: "errors since the deploy"})
	if err != nil {
		log.Fatal(err)
	}
	over, err := c.Await(ctx, asked.ID, 10*time.Millisecond, time.Minute, func(r wire.Restore) { fmt.Println(r.Summary) })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(over.State)
	// Output:
	// Replacement ready; stopping the running api
	// api is back on pre-deploy-2255
	// verified
}

// What the bot refuses has a code for programs, and a sentence with every reason for people.
func ExampleError() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-for-restores")
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Restore(context.Background(), "api", "gone", "", false, wire.RestoreAsk{})
	var refused *client.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Code)
		fmt.Println(refused)
	}
	// Output:
	// not_restorable
	// Not done. the image is gone.
}

// The timeline comes page by page, the oldest first. Incidents are found by the bot's ID, PagerDuty's ID or its number.
func ExampleClient_Timeline() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-that-reads-incidents")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	incident, err := c.Incident(ctx, "4711")
	if err != nil {
		log.Fatal(err)
	}
	err = c.Timeline(ctx, incident.ID, func(e incidents.Entry) error {
		_, err := fmt.Println(e.OccurredAt.Format("15:04"), e.Summary)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 03:42 The alert came
	// 03:46 Ada restored pre-deploy-2255
}

// A post-mortem is copied to wherever it is to be.
func ExampleClient_Export() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-that-reads-incidents")
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Export(context.Background(), "4711", "md", os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// # checkout answers 500
	//
	// in md
}

// A deploy tool asks whether something is on hold. That nothing is, is a refusal with a code of its own.
func ExampleClient_Holds() {
	bot := aBot()
	defer bot.Close()

	c, err := client.New(bot.URL, "a-token-that-reads-snapshots")
	if err != nil {
		log.Fatal(err)
	}
	held, err := c.Holds(context.Background(), "api")
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Code == "not_held":
		fmt.Println("go ahead")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println(held.Holds[0].Summary)
	}
	// Output: go ahead
}
