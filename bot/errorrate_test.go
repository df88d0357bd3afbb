package bot_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
)

// theSpike is the night's: errors have risen four minutes before the alert.
func theSpike() *flat.Alert {
	return &flat.Alert{Rate: 21, Compared: true, Usual: flat.Baseline{Rate: 1.1}, Spike: flat.Spike{Is: true, Rate: 21, Since: at("03:38")}}
}

// saying is an entry about the errors after the night's restore.
func saying(kind incidents.Kind, short, long string) incidents.Entry {
	details, err := json.Marshal(flat.Told{Restore: restored().ID, Container: "api", Short: short})
	if err != nil {
		panic(err)
	}
	return incidents.Entry{IncidentID: 7, Kind: kind, Summary: short + long, Details: details, OccurredAt: at("03:49")}
}

// verified is the entry with which the night's restore ends.
func verified() incidents.Entry {
	return incidents.Entry{
		IncidentID: 7, Kind: incidents.KindRestoreVerified, Summary: "api is back on pre-deploy-2255", OccurredAt: at("03:46"),
		Details: json.RawMessage(`{"restore_id":31,"container":"api","kind":"restore"}`),
	}
}

// broadcasts are the replies that the channel shows too.
func (n *night) broadcasts() (out []string) {
	for _, m := range n.shop.Messages() {
		for _, r := range m.Replies {
			if r.Broadcast {
				out = append(out, r.Text)
			}
		}
	}
	return out
}

const flatSince = "Flat since 03:49, 2 min 40 s after the restore: 1.0 a minute, baseline 1.1"

// tell has the night's restore verified, its errors falling and then flat.
func (n *night) tell(t *testing.T) {
	t.Helper()
	r := restored()
	n.do(func() { n.restores = append(n.restores, r) })
	for _, e := range []incidents.Entry{
		verified(), saying(incidents.KindErrorsFalling, "Falling: 3.0 a minute, was 21, baseline 1.1", ""),
		saying(incidents.KindErrorsFlat, flatSince, ". It was restored to pre-deploy-2255 at 03:46"),
	} {
		n.write(t, e)
		n.deliver(t, 7)
	}
}

func TestMessageSaysThatErrorsFallAndThatTheyAreFlat(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.errors = theSpike() })
	m := n.alert(t)
	if !m.Contains("Errors: 21 a minute, baseline 1.1, since 03:38") {
		t.Errorf("the alert reads:\n%s", m)
	}
	n.tell(t)
	m = m.ExpectUpdate(t, "✅ "+flatSince)
	if m.Contains("It was restored to") || m.Contains("Falling") || m.Contains("Errors: 21") {
		t.Errorf("the message reads:\n%s", m)
	}
	m.ExpectReply(t, "📉 Falling: 3.0 a minute, was 21, baseline 1.1")
	n.deliver(t, 7)
	if got := n.shop.ExpectMessage(t, "Checkout error rate"); !got.Contains("✅ " + flatSince) {
		t.Errorf("told once more, the message reads:\n%s", got)
	}
}

func TestAlertSaysThatARateIsFromASample(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.errors = theSpike(); n.errors.Sampled = true })
	if m := n.alert(t); !m.Contains("Errors: 21 a minute (from a sample), baseline 1.1, since 03:38") {
		t.Errorf("the alert reads:\n%s", m)
	}
}

func TestChannelHearsOnceThatErrorsAreFlat(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.errors = theSpike() })
	n.alert(t)
	n.tell(t)
	want := []string{"✅ " + flatSince + ". It was restored to pre-deploy-2255 at 03:46"}
	if diff := cmp.Diff(want, n.broadcasts()); diff != "" {
		t.Error(diff)
	}
}

func TestChannelHearsOfTheRestoreWhereErrorsAreNotCounted(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.alert(t)
	r := restored()
	n.do(func() { n.restores = append(n.restores, r) })
	n.write(t, verified())
	n.deliver(t, 7)
	if diff := cmp.Diff([]string{"✅ api is back on pre-deploy-2255"}, n.broadcasts()); diff != "" {
		t.Error(diff)
	}
}

// TestChannelHearsOnceOfARestoreWhoseErrorsAreCountedOnlyAfterIt: nothing was counted when it was verified.
func TestChannelHearsOnceOfARestoreWhoseErrorsAreCountedOnlyAfterIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kinds []incidents.Kind
		want  []string
	}{
		"there is no baseline":                  {[]incidents.Kind{incidents.KindErrorsUnknown}, nil},
		"flat by what was read of the past":     {[]incidents.Kind{incidents.KindErrorsFlat}, nil},
		"not flat by what was read of the past": {[]incidents.Kind{incidents.KindErrorsNotFlat}, []string{"⚠️ 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.alert(t)
			r := restored()
			n.do(func() { n.restores = append(n.restores, r) })
			n.write(t, verified())
			n.deliver(t, 7)
			n.do(func() { n.errors = theSpike() })
			for i, kind := range c.kinds {
				n.write(t, saying(kind, strconv.Itoa(i), ""))
				n.deliver(t, 7)
			}
			if diff := cmp.Diff(append([]string{"✅ api is back on pre-deploy-2255"}, c.want...), n.broadcasts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Where errors are measured and it can't be told what becomes of them, the channel hears that once, and when they are flat in the end, that.
func TestChannelHearsOnceThatErrorsAreNotFlatOrUnknownOrBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kinds []incidents.Kind
		quiet bool
		want  []string
	}{
		"not flat, and flat later": {[]incidents.Kind{incidents.KindErrorsFalling, incidents.KindErrorsNotFlat, incidents.KindErrorsFlat}, false, []string{"⚠️ 1", "✅ 2"}},
		"no traffic, not flat":     {[]incidents.Kind{incidents.KindErrorsUnknown, incidents.KindErrorsNotFlat}, false, []string{"⚠️ 0"}},
		"flat, back, not flat":     {[]incidents.Kind{incidents.KindErrorsFlat, incidents.KindErrorsBack, incidents.KindErrorsNotFlat}, false, []string{"✅ 0", "⚠️ 1"}},
		"back twice": {[]incidents.Kind{incidents.KindErrorsFlat, incidents.KindErrorsBack, incidents.KindErrorsFlatAgain, incidents.KindErrorsBack}, false,
			[]string{"✅ 0", "⚠️ 1"}},
		"back, in a quiet bot": {[]incidents.Kind{incidents.KindErrorsFlat, incidents.KindErrorsBack}, true, []string{"⚠️ 1"}},
		"a quiet bot":          {[]incidents.Kind{incidents.KindErrorsUnknown, incidents.KindErrorsFlat}, true, []string{"⚠️ 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(conf *bot.Config, _ *world) { conf.Quiet = c.quiet })
			r := restored()
			n.do(func() { n.errors, n.restores = theSpike(), append(n.restores, r) })
			n.alert(t)
			n.write(t, verified())
			for i, kind := range c.kinds {
				e := saying(kind, strconv.Itoa(i), "")
				e.Source.NativeID = e.Summary
				n.write(t, e)
				n.deliver(t, 7)
			}
			if diff := cmp.Diff(c.want, n.broadcasts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAQuietBotShowsNoSuccessInTheChannel(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, _ *world) { c.Quiet = true })
	n.alert(t)
	n.tell(t)
	if got := n.broadcasts(); len(got) != 0 {
		t.Errorf("the channel shows %q", got)
	}
}

func TestStatusNamesContainersWhoseErrorsAreUp(t *testing.T) {
	t.Parallel()
	for want, alert := range map[string]*flat.Alert{
		"📈 *api*: 21 errors a minute, baseline 1.1, since 03:38": theSpike(),
		"📈 *api*: 9.0 errors a minute, baseline 1.1":             {Rate: 9, Compared: true, Usual: flat.Baseline{Rate: 1.1}, Spike: flat.Spike{Is: true, Rate: 9}},
		"": {Rate: 1, Compared: true, Usual: flat.Baseline{Rate: 1.1}},
	} {
		n := setup(t)
		n.do(func() { n.errors = alert })
		n.ann.Command(n.shop, "/snapback", "status")
		n.work(t)
		answers := n.ann.Ephemerals(n.shop)
		if len(answers) != 1 || !answers[0].Contains(want) || answers[0].Contains("Jan 1") || want == "" && answers[0].Contains("📈") {
			t.Errorf("the answers read:\n%v, want %q", answers, want)
		}
	}
}

// However many containers a service has, the errors of those in the message are asked for, at once.
func TestErrorsAreAskedForOnceForWhatTheMessageShows(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) {
		w.errors = theSpike()
		for i := range 9 {
			more := theContainer()
			more.Key, more.Name = "k/api"+strconv.Itoa(i), "api"+strconv.Itoa(i)
			w.containers = append(w.containers, more)
		}
	})
	if m := n.alert(t); !m.Contains("Errors: 21 a minute") {
		t.Errorf("the alert reads:\n%s", m)
	}
	n.do(func() {
		if len(n.rated) != 1 || n.rated[0] > 3 {
			t.Errorf("errors were asked for %v containers", n.rated)
		}
	})
}
