// Package flat says how many errors a minute a container makes, and whether that is a spike, falling, or flat again.
//
// Sources count errors and hand them to a Recorder, which keeps them by the minute. This package knows neither where the
// counts come from nor who is told.
package flat
