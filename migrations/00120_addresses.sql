-- +goose Up

-- An e-mail address is kept only of accounts that it tells something about: confirmed, living, of the own workspace. Of those
-- that were kept before, that was never asked; Slack is asked again when it is needed.
UPDATE people SET email = '';
