package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
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
