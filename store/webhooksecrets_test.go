package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
)

func TestWebhookSecretsAreSealedAndOneThatIsLostHidesNoOther(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	keep := func(id, secret string) {
		testkit.OK(t, db.KeepWebhookSecret(t.Context(), incidents.WebhookSecret{Subscription: id, URL: "https://bot.example/x", Secret: secret}))
	}
	keep("PONE", "first secret")
	testkit.OK(t, db.WebhookCame(t.Context(), "PONE"))
	conn, err := pgx.Connect(t.Context(), dsn)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	var sealed []byte
	testkit.OK(t, conn.QueryRow(t.Context(), `SELECT secret FROM webhook_secrets`).Scan(&sealed))
	if bytes.Contains(sealed, []byte("first")) {
		t.Error("the secret is in the database in the clear")
	}

	other, err := keyring.Parse("other:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	testkit.OK(t, err)
	elsewhere := storetest.Open(t, dsn, other)
	testkit.OK(t, elsewhere.KeepWebhookSecret(t.Context(), incidents.WebhookSecret{Subscription: "PTWO", URL: "https://bot.example/x", Secret: "second"}))
	kept, err := db.WebhookSecrets(t.Context())
	if err == nil || len(kept) != 1 || kept[0].Secret != "first secret" || kept[0].CameAt.IsZero() {
		t.Errorf("with a secret that no key opens: %+v, %v", kept, err)
	}
	testkit.OK(t, db.ForgetWebhookSecret(t.Context(), "PTWO"))
	if kept, err = db.WebhookSecrets(t.Context()); err != nil || len(kept) != 1 {
		t.Errorf("after that was forgotten: %d, %v", len(kept), err)
	}
}

func TestOneOfSeveralBotsLooksAtTheWebhook(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	one, two := open(t, dsn), open(t, dsn)
	const url, other = "https://bot.example/x", "https://other.example/x"
	if due, err := one.ClaimWebhookLook(t.Context(), url, time.Hour); due || err != nil {
		t.Errorf("at once after the first start: %v, %v", due, err)
	}
	first, err := one.ClaimWebhookLook(t.Context(), url, 0)
	second, err2 := two.ClaimWebhookLook(t.Context(), url, time.Hour)
	if !first || second || err != nil || err2 != nil {
		t.Errorf("claimed by one: %v (%v), by two: %v (%v)", first, err, second, err2)
	}
	testkit.OK(t, one.SaveWebhookLook(t.Context(), url, "", true))
	testkit.OK(t, one.SaveWebhookLook(t.Context(), url, "disabled", false))
	look, err := two.WebhookLook(t.Context(), url, time.Hour)
	if !look.Fresh {
		t.Errorf("it was made just now: %+v", look)
	}
	if err != nil || look.Trouble != "disabled" || look.WellAt.IsZero() || look.Since.IsZero() || look.Elsewhere {
		t.Errorf("%+v, %v", look, err)
	}
	_, err = two.ClaimWebhookLook(t.Context(), other, time.Hour)
	testkit.OK(t, err)
	testkit.OK(t, two.SaveWebhookLook(t.Context(), other, "", false)) // forgiven, since another bot hears
	if look, err = one.WebhookLook(t.Context(), url, 0); err != nil || look.Elsewhere || look.Fresh {
		t.Errorf("who was forgiven vouches for another, or an old look is fresh: %+v, %v", look, err)
	}
	testkit.OK(t, two.SaveWebhookLook(t.Context(), other, "", true))
	if look, err = one.WebhookLook(t.Context(), url, time.Hour); err != nil || !look.Elsewhere {
		t.Errorf("alerts reach a bot at another address: %+v, %v", look, err)
	}
}
