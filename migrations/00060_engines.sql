-- +goose Up

-- What engines call themselves, and the name under which what is theirs is written down: the first part of every key.
-- An upgrade of an engine may change what it calls itself; the name stays.
CREATE TABLE engines (
    id    text PRIMARY KEY,
    name  text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
-- Two names that have seen one container are one engine, which was upgraded while its ID still was its name.
INSERT INTO engines (id, name)
    SELECT known.name, coalesce((
        SELECT older.engine FROM containers mine JOIN containers older ON older.engine_id = mine.engine_id
        WHERE mine.engine = known.name AND older.engine <> mine.engine AND older.seen_at < mine.seen_at
        ORDER BY older.seen_at LIMIT 1), known.name)
    FROM (SELECT engine AS name FROM containers UNION SELECT split_part(key, '/', 1) FROM snapshots) known;

-- The bots, as they were last heard of: which engine each of them reaches, and which of its containers it is for.
CREATE TABLE bots (
    bot       text PRIMARY KEY,
    run       text NOT NULL, -- another one at every start
    engine    text NOT NULL, -- its name
    engine_id text NOT NULL, -- what it calls itself
    host      text NOT NULL, -- the engine's
    scope     text NOT NULL, -- the label that narrows its containers down; '' for all
    seen_at   timestamptz NOT NULL DEFAULT now()
);

-- The scopes that the container was seen within.
ALTER TABLE containers ADD COLUMN scopes text[] NOT NULL DEFAULT '{}';
