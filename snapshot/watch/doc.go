/*
Package watch sees deploys, keeps the state from before them, and takes and removes snapshots by itself.

A Watcher looks whenever the engine has said something, and now and then although it has not (watch.go). What it finds
is a deploy when another container has come to an identity (deploy.go); then the state from before is kept (before.go).
In the meantime it takes baselines of containers that are up and healthy (baseline.go), takes what schedules ask for
(schedule.go), and removes snapshots that are over (retain.go). A Registry gives engines their names (engines.go).

What is not here: how a snapshot is taken (capture), and restores: the watch only asks the database whether one runs, and
whether one has made a container.
*/
package watch
