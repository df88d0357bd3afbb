-- +goose Up

-- The last test call that a bot has asked PagerDuty for along each webhook subscription, whichever bot it came to.
CREATE TABLE webhook_pings (
    subscription text PRIMARY KEY,                   -- PagerDuty's ID
    sent_at      timestamptz,                        -- when it was asked for; NULL: none was yet
    waiting      boolean NOT NULL DEFAULT false,     -- what became of it is not known yet
    lost         integer NOT NULL DEFAULT 0 CHECK (lost >= 0), -- how many in a row have not come
    due_at       timestamptz NOT NULL DEFAULT now()  -- when the next one is
);
