/*
Package recovery finds snapshots again when Postgres is lost.

A Duplicator keeps all that Postgres knows of a snapshot once more on the engine, sealed with the bot's keys
(duplicate.go). Rebuild reads what it finds there and writes into Postgres what that does not have (rebuild.go).

What is not here: what form a duplicate has on the engine (docker), and how a snapshot is taken (capture).
*/
package recovery
