-- +goose Up

-- Which programs may work here although later ones have changed the schema: those that know migration `oldest`, or one with a higher
-- number. Each program that brings the schema up to date writes what the release before it knew, and no lower number than is there.
CREATE TABLE schema_readers (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    oldest   bigint  NOT NULL
);
