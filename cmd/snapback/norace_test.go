//go:build !race

package main

// raceDetector says whether the tests were built with it; the program is then, too.
const raceDetector = false
