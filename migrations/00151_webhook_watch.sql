-- +goose Up

-- How PagerDuty's webhook subscriptions were found at the last look, a row for each address that they call: one of several bots looks.
CREATE TABLE webhook_watch (
    url       text PRIMARY KEY,
    made_at   timestamptz NOT NULL DEFAULT now(),
    looked_at timestamptz NOT NULL DEFAULT now(), -- or claimed, by the bot that is at it
    well_at   timestamptz,                        -- when alerts were last found to come; NULL: never
    saved_at  timestamptz,                        -- when the last look ended; NULL: none has
    trouble   text NOT NULL DEFAULT ''            -- why they don't, as it was told; empty: they do, as far as is known
);
