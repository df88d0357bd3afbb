/*
Package watch sees deploys, keeps the state from before them, and takes and removes snapshots by itself.

# How a deploy is seen

	event ──▶ quiet for a moment ──▶ look: who is there? ──▶ another container under an identity ──▶ inspect it
	every two minutes, at start ──────▲                                                                │
	                                                      not started yet, or a restore runs ◀──────────┤ wait, look again
	                                                      made by a restore of ours          ◀──────────┤ note it
	                                                      else: a deploy                     ◀──────────┘

Events only say when to look, and when things happened. What has happened is found by comparing: Postgres knows which
container was last seen to run under each identity, and the engine knows which one is there. So an event that was missed,
or a bot that was away, costs nothing. Of several bots that reach the engine, one looks. Two that look at once, as when one stood
still and goes on, come to the same answer. The one that gets the identity's lock first writes it down, and the other one then finds
nothing left to do.

Which container stands for an identity is snapshot.Settle's to say, from what the engine shows and what is on record: while the
old and the new one run it is the old one, and the new one waits. It gets an identity of its own when it has waited for as long as a
baseline takes, and gives that up when it turns out to be the old one's successor after all.

The state from before a deploy is what a pipeline has kept explicitly, else the baseline, else what is left of the old
container. The baseline is there so that nothing has to be left: it is taken while all is well.

# What an engine is called

Everything that belongs to an engine is written down under its name, with which every Key begins. The name is what the
engine called itself when it was first seen. It may call itself something else later: Docker 20.10 takes its ID from a key
in /etc/docker, Docker 25 and later from a file in the data folder, and an upgrade makes a new one. So the database knows
what each engine has called itself, and a new one is looked at before it gets a name:

	known ID ───────────────────────────────────────────────▶ the name that goes with it
	new ID ──▶ traces of an engine that nobody sees any more ─▶ it is that one: its name, written on the timeline
	      ├──▶ traces of an engine that another bot sees now ─▶ wait until the bot was silent for a minute; else it is a copy
	      └──▶ no traces ─────────────────────────────────────▶ its ID becomes its name

Traces are the containers that a bot has seen on that engine, the images that it has committed there, and duplicates of
snapshots. A copy of a data folder has all of them too. That is why a bot says every few seconds which engine it reaches.

# Where to read

	watch.go     Watcher: when to look
	lead.go      which bot looks
	look.go      what a look finds
	deploy.go    what has come into a place, and how a deploy is written down; entry.go its entry
	before.go    the state from before a deploy
	baseline.go  snapshots of containers that are up and healthy
	schedule.go  snapshots that a label asks for
	retain.go    which snapshots go
	queue.go     one thing at a time for each identity
	silent.go    containers about which the engine does not answer
	ports.go     what the watch asks of the engine and of the database
	engines.go   Registry: the names of engines

What is not here: how a snapshot is taken (capture), and restores. The watch only asks the database whether a restore runs,
and whether one has made a container.
*/
package watch
