//go:build !race

package flat_test

const runs = allRuns
