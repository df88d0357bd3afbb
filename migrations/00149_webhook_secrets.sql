-- +goose Up

-- Secrets of the webhook subscriptions that the bot has made in PagerDuty: each signs what comes along its subscription. Those that people have
-- set as PAGERDUTY_WEBHOOK_SECRETS are not here.
CREATE TABLE webhook_secrets (
    subscription text PRIMARY KEY, -- PagerDuty's ID
    url          text NOT NULL,    -- where it calls
    secret       bytea NOT NULL,   -- sealed, and bound to the ID
    made_at      timestamptz NOT NULL DEFAULT now(),
    came_at      timestamptz       -- when something was last signed by it; NULL: never
);
