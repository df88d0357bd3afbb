package snapshot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// member is one by its name, minutes after noon; web_3 is the third of the Compose service web.
func member(name, state string, minute int) snapshot.Member {
	m := snapshot.Member{ID: "id-" + name, Name: name, State: state, CreatedAt: noon.Add(time.Duration(minute) * time.Minute), Key: "E/name/" + name}
	if service, n, ok := strings.Cut(name, "_"); ok && len(n) == 1 {
		m.Lineage = "E/compose/p/" + service
		m.Key = m.Lineage + "/" + n
	}
	return m
}

// generation is one of a line in which all have the same key.
func generation(name, state string, minute int) snapshot.Member {
	m := member(name, state, minute)
	m.Key, m.Lineage = "E/kamal/shop/web", "E/kamal/shop/web"
	return m
}

// on is a seat with its occupant on record.
func on(key string, m snapshot.Member) snapshot.Seat {
	lineage := ""
	if m.Lineage != "" {
		lineage = m.Lineage
	}
	return snapshot.Seat{Key: key, Lineage: lineage, ContainerID: m.ID, Name: m.Name, CreatedAt: m.CreatedAt, SeenAt: m.CreatedAt.Add(time.Second)}
}

// stand writes down who stands for what: "*" is shown, "~" waits.
func stand(all map[string]snapshot.Standing) map[string]string {
	out := map[string]string{}
	for id, s := range all {
		mark := ""
		if s.Shown {
			mark = "*"
		}
		if s.Waits {
			mark = "~"
		}
		out[strings.TrimPrefix(id, "id-")] = mark + strings.TrimPrefix(s.Key, "E/")
		if s.Leaves != "" {
			out[strings.TrimPrefix(id, "id-")] += " leaves " + strings.TrimPrefix(s.Leaves, "E/")
		}
		if len(s.Beside) > 0 {
			out[strings.TrimPrefix(id, "id-")] += fmt.Sprint(" beside ", s.Beside)
		}
	}
	return out
}

func settled(s snapshot.Seat) snapshot.Seat { s.Settled = true; return s }

func former(s snapshot.Seat, ids ...string) snapshot.Seat { s.Former = ids; return s }

func gone(s snapshot.Seat, minute int) snapshot.Seat {
	s.GoneAt = noon.Add(time.Duration(minute) * time.Minute)
	return s
}

func called(s snapshot.Seat, name string) snapshot.Seat { s.Name = name; return s }

func config(m snapshot.Member, hash string) snapshot.Member { m.Config = hash; return m }

func TestSettling(t *testing.T) {
	type members = []snapshot.Member
	type seats = []snapshot.Seat
	const web1, web2, kamal = "E/compose/p/web/1", "E/compose/p/web/2", "E/kamal/shop/web"
	old := member("web_1", "running", 0)
	renamed := member("app", "running", 5)
	renamed.ID = "id-app_new"
	scaledAway := member("web_2", "", 0)
	scaledAway.ID = "id-scaled"
	away := member("x7", "running", 0)
	away.ID = "id-web"
	young := on(web2, member("web_2", "running", 5))
	young.Config = "b"
	for what, c := range map[string]struct {
		members members
		seats   seats
		now     int // minutes after noon
		want    map[string]string
	}{
		"nothing is on record": {
			members: members{old, member("web_2", "running", 0), member("db", "exited", 0)},
			want:    map[string]string{"web_1": "*compose/p/web/1", "web_2": "*compose/p/web/2", "db": "*name/db"},
		},
		"generations: the one that runs": {
			members: members{generation("v1", "exited", 0), generation("v2", "running", 1), generation("v3", "exited", 2)},
			want:    map[string]string{"v1": "kamal/shop/web", "v2": "*kamal/shop/web", "v3": "kamal/shop/web"},
		},
		"while both run it is the one on record": {
			members: members{generation("v1", "running", 0), generation("v2", "running", 1)},
			seats:   seats{on(kamal, generation("v1", "", 0))},
			want:    map[string]string{"v1": "*kamal/shop/web beside [v2]", "v2": "~kamal/shop/web"},
		},
		"the old one has ended": {
			members: members{generation("v1", "exited", 0), generation("v2", "running", 1)},
			seats:   seats{on(kamal, generation("v1", "", 0))},
			want:    map[string]string{"v1": "kamal/shop/web", "v2": "*kamal/shop/web"},
		},
		"it went on to the new one while the old one still runs": {
			members: members{generation("v1", "running", 0), generation("v2", "running", 1)},
			seats:   seats{former(on(kamal, generation("v2", "", 1)), "id-v1")},
			want:    map[string]string{"v1": "kamal/shop/web", "v2": "*kamal/shop/web beside [v1]"},
		},
		"back to the old one by hand": {
			members: members{generation("v1", "running", 0), generation("v2", "exited", 1)},
			seats:   seats{former(on(kamal, generation("v2", "", 1)), "id-v1")},
			want:    map[string]string{"v1": "*kamal/shop/web", "v2": "kamal/shop/web"},
		},
		"the last one went, and an older one that was stopped is no successor": {
			members: members{generation("v1", "exited", 0)},
			seats:   seats{former(on(kamal, generation("v2", "", 1)), "id-v1")},
			want:    map[string]string{"v1": "kamal/shop/web"},
		},
		"a rollout is under way": {
			members: members{old, member("web_2", "running", 5)},
			seats:   seats{on(web1, old)},
			want:    map[string]string{"web_1": "*compose/p/web/1 beside [web_2]", "web_2": "~compose/p/web/2"},
		},
		"a rollout is over": {
			members: members{member("web_2", "running", 5)},
			seats:   seats{on(web1, old)},
			want:    map[string]string{"web_2": "*compose/p/web/1"},
		},
		"the next one is under way": {
			members: members{member("web_2", "running", 5), member("web_3", "running", 8)},
			seats:   seats{former(on(web1, member("web_2", "", 5)), "id-web_1")},
			want:    map[string]string{"web_2": "*compose/p/web/1 beside [web_3]", "web_3": "~compose/p/web/3"},
		},
		"a rollout under one identity": {
			members: members{func() snapshot.Member {
				m := member("web_2", "running", 5)
				m.Key, m.Lineage = "E/identity/api/2", "E/identity/api"
				return m
			}()},
			seats: seats{func() snapshot.Seat { s := on("E/identity/api", old); s.Lineage = "E/identity/api"; return s }()},
			want:  map[string]string{"web_2": "*identity/api"},
		},
		"a rollout of two": {
			members: members{member("web_3", "running", 5), member("web_4", "running", 5)},
			seats:   seats{on(web1, old), on(web2, member("web_2", "", 0))},
			want:    map[string]string{"web_3": "*compose/p/web/1", "web_4": "*compose/p/web/2"},
		},
		"a rollout of two, half over": {
			members: members{member("web_2", "running", 0), member("web_3", "running", 5), member("web_4", "running", 5)},
			seats:   seats{on(web1, old), on(web2, member("web_2", "", 0))},
			want: map[string]string{
				"web_2": "*compose/p/web/2 beside [web_4]", "web_3": "*compose/p/web/1 beside [web_4]", "web_4": "~compose/p/web/4",
			},
		},
		"a slow rollout: the new one has a seat of its own by now": {
			members: members{config(member("web_2", "running", 5), "b")},
			seats:   seats{func() snapshot.Seat { s := on(web1, old); s.Config = "a"; return s }(), young},
			now:     20,
			want:    map[string]string{"web_2": "*compose/p/web/1 leaves compose/p/web/2"},
		},
		"scaled, and the first one removed by hand": {
			members: members{config(member("web_2", "running", 5), "a")},
			seats:   seats{func() snapshot.Seat { s := on(web1, old); s.Config = "a"; return s }(), young},
			now:     20,
			want:    map[string]string{"web_2": "*compose/p/web/2"},
		},
		"one of two that have a history went": {
			members: members{config(member("web_2", "running", 5), "b")},
			seats:   seats{func() snapshot.Seat { s := on(web1, old); s.Config = "a"; return s }(), settled(young)},
			now:     20,
			want:    map[string]string{"web_2": "*compose/p/web/2"},
		},
		"made anew under its number": {
			members: members{member("web_1", "running", 0), func() snapshot.Member { m := member("web_2", "running", 9); m.ID = "id-new"; return m }()},
			seats:   seats{on(web1, old), on(web2, member("web_2", "", 0))},
			want:    map[string]string{"web_1": "*compose/p/web/1", "new": "*compose/p/web/2"},
		},
		"a rollout onto a number that was scaled away long ago": {
			members: members{old, member("web_2", "running", 500)},
			seats:   seats{on(web1, old), settled(gone(on(web2, scaledAway), 30))},
			want:    map[string]string{"web_1": "*compose/p/web/1 beside [web_2]", "web_2": "~compose/p/web/2"},
		},
		"and is over": {
			members: members{member("web_2", "running", 500)},
			seats:   seats{on(web1, old), settled(gone(on(web2, scaledAway), 30))},
			want:    map[string]string{"web_2": "*compose/p/web/1"},
		},
		"renamed": {
			members: members{renamed},
			seats:   seats{on("E/name/app_new", member("app_new", "", 5))},
			want:    map[string]string{"app_new": "*name/app_new"},
		},
		"renamed into place": {
			members: members{renamed},
			seats:   seats{on("E/name/app_new", member("app_new", "", 5)), on("E/name/app", member("app", "", 0))},
			want:    map[string]string{"app_new": "*name/app leaves name/app_new"},
		},
		"renamed into the place of one that was renamed itself and still runs": {
			members: members{renamed, func() snapshot.Member { m := member("app_old", "running", 0); m.ID = "id-app"; return m }()},
			seats:   seats{on("E/name/app_new", member("app_new", "", 5)), on("E/name/app", member("app", "", 0))},
			want:    map[string]string{"app_new": "*name/app leaves name/app_new beside [app_old]", "app": "~name/app_old"},
		},
		"came into the place of one that was renamed into place itself": {
			members: members{func() snapshot.Member { m := member("app", "running", 9); m.ID = "id-next"; return m }()},
			seats:   seats{gone(called(on("E/name/app_new", member("app_new", "", 5)), "app"), 9)},
			want:    map[string]string{"next": "*name/app_new"},
		},
		"renamed into the place of one that was renamed into place itself": {
			members: members{renamed},
			seats:   seats{on("E/name/app_new", member("app_new", "", 5)), settled(called(on("E/name/app_v1", member("app_v1", "", 0)), "app"))},
			want:    map[string]string{"app_new": "*name/app_v1 leaves name/app_new"},
		},
		"its name leads to several, and one of them is there": {
			members: members{func() snapshot.Member { m := member("app", "running", 9); m.ID = "id-next"; return m }()},
			seats: seats{
				gone(called(on("E/name/app_v1", member("app_v1", "", 0)), "app"), 5), called(on("E/name/app_v2", member("app_v2", "", 5)), "app"),
				gone(called(on("E/name/app_v3", member("app_v3", "", 2)), "app"), 7),
			},
			want: map[string]string{"next": "*name/app_v2"},
		},
		"its key leads to another one than its name": {
			members: members{func() snapshot.Member { m := member("app", "running", 9); m.ID = "id-next"; return m }()},
			seats:   seats{gone(on("E/name/app", member("app", "", 0)), 5), gone(called(on("E/name/app_new", member("app_new", "", 5)), "app"), 9)},
			want:    map[string]string{"next": "*name/app"},
		},
		"a service's member that is called like one that was known by its name alone": {
			members: members{func() snapshot.Member { m := member("web_1", "running", 9); m.ID = "id-next"; return m }()},
			seats:   seats{gone(called(on("E/name/web", member("web", "", 0)), "web_1"), 9)},
			want:    map[string]string{"next": "*compose/p/web/1"},
		},
		"renamed to make room": {
			members: members{away},
			seats:   seats{on("E/name/web", member("web", "", 0))},
			want:    map[string]string{"web": "*name/web"},
		},
		"and its successor runs": {
			members: members{away, func() snapshot.Member { m := member("web", "running", 5); m.ID = "id-new"; return m }()},
			seats:   seats{on("E/name/web", member("web", "", 0))},
			want:    map[string]string{"web": "~name/x7", "new": "*name/web beside [x7]"},
		},
		"and is on record": {
			members: members{away, func() snapshot.Member { m := member("web", "running", 5); m.ID = "id-new"; return m }()},
			seats: seats{former(func() snapshot.Seat {
				s := on("E/name/web", member("web", "", 5))
				s.ContainerID = "id-new"
				return s
			}(), "id-web")},
			want: map[string]string{"web": "~name/x7", "new": "*name/web beside [x7]"},
		},
		"the name was handed over while both run": {
			members: members{generation("shop.web.1.1764", "running", 0), generation("shop.web.1", "running", 5)},
			seats:   seats{called(on(kamal, generation("shop.web.1.1764", "", 0)), "shop.web.1")},
			want:    map[string]string{"shop.web.1.1764": "kamal/shop/web", "shop.web.1": "*kamal/shop/web beside [shop.web.1.1764]"},
		},
		"put there by a restore, under another number": {
			members: members{func() snapshot.Member { m := member("web_3", "running", 9); m.ID = "id-made"; return m }()},
			seats: seats{func() snapshot.Seat {
				s := on(web1, member("web_3", "", 5))
				s.Made = "id-made"
				return s
			}()},
			want: map[string]string{"made": "*compose/p/web/1"},
		},
		"its key is another kind by now": {
			members: members{generation("v1", "running", 0)},
			seats:   seats{on("E/name/v1", member("v1", "", 0))},
			want:    map[string]string{"v1": "*kamal/shop/web"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			got := stand(snapshot.Settle(c.members, c.seats, noon.Add(time.Duration(c.now)*time.Minute)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhoTakesOverANameIsContested: the seat's key is made of another name than both have.
func TestWhoTakesOverANameIsContested(t *testing.T) {
	old, next := member("app_old", "running", 5), member("app", "running", 9)
	old.ID = "id-app_new"
	seats := []snapshot.Seat{called(on("E/name/app_new", member("app_new", "", 5)), "app")}
	if diff := cmp.Diff([]string{"id-app", "id-app_new"}, snapshot.Contested([]snapshot.Member{old, next, member("db", "running", 0)}, seats)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := stand(snapshot.Settle([]snapshot.Member{old, next}, seats, noon))
	if diff := cmp.Diff(map[string]string{"app_new": "~name/app_old", "app": "*name/app_new beside [app_old]"}, got); diff != "" {
		t.Errorf("they stand (-want +got):\n%s", diff)
	}
}

func BenchmarkSettle200(b *testing.B) {
	var members []snapshot.Member
	var seats []snapshot.Seat
	for i := range 200 {
		m := member(fmt.Sprintf("web%d_1", i/2), "running", i)
		m.ID, m.Key = fmt.Sprint("id-", i), fmt.Sprint(m.Lineage, "/", i%2+1)
		members, seats = append(members, m), append(seats, on(m.Key, m))
	}
	for b.Loop() {
		snapshot.Contested(members, seats)
		if got := snapshot.Settle(members, seats, noon); len(got) != 200 {
			b.Fatal(len(got))
		}
	}
}
