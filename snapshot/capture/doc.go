/*
Package capture takes snapshots: a container's image or a commit of it, its inspect document, and the contents of its
volumes.

A Taker does it in this order, so that nothing that is on the engine is unknown to the database:

	look at the container · audit entry · note the tag · tag or commit · archive volumes · write the snapshot down

Whatever fails after the audit entry takes away again what it has put on the engine. A tag that stays, since the engine failed or the bot was killed, is
on record as one that is no snapshot's, and goes later (RemoveTag). No other tag is ever removed: it may be another bot's. The tag follows from the snapshot's
name, so a name is held, among all bots, until the snapshot is written down (names.go). Few commits run at a time, and
none when the disk is too full (slots.go, disk.go).

Volumes archives the contents of volumes and puts them back (volumes.go); the package vault keeps the archives on disk.

What is not here: when a snapshot is taken by itself and when it goes (watch), and what a restore does with it (restore).
*/
package capture
