/*
Package recovery finds snapshots again when Postgres is lost.

What Postgres knows of a snapshot is kept once more on the engine, as a duplicate. It is sealed with the bot's keys, so it
is of no use without them. It is beside the image and not in it: labels of an image would come back with every container
that is made from it. snapshot/docker says what form it has on the engine.

A Duplicator (duplicate.go) adds a duplicate after its snapshot was written to Postgres, and removes it after the snapshot
was removed there. When that fails, the snapshot stands all the same: every few minutes the engine is compared with
Postgres, and what is missing is added. So at worst a snapshot is without its duplicate for that long. Duplicates that
Postgres has never heard of are left alone, and so are those of another engine. They may be all that is left of another
database, and are for Rebuild to read (rebuild.go).

What is not here: how a snapshot is taken (capture).
*/
package recovery
