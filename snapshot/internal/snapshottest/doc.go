// Package snapshottest is the kit of the tests of snapshots: a database, an engine, and what works on them, for one test.
package snapshottest
