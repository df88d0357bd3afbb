-- +goose Up

-- An event that said it happened in the future made all that came after it late. Such times are not taken any more; those that
-- were are the moment of this.
UPDATE incidents SET status_at = now() WHERE status_at > now() + interval '5 minutes';
UPDATE incidents SET opened_at = now() WHERE opened_at > now() + interval '5 minutes';
UPDATE incidents SET acknowledged_at = now() WHERE acknowledged_at > now() + interval '5 minutes';
UPDATE incidents SET resolved_at = now() WHERE resolved_at > now() + interval '5 minutes';
