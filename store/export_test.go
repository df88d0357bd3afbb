package store

// The statements that pages of a timeline are read with, so that a test can have them explained.
var (
	PageAfter  = pageAfter
	PageBefore = pageBefore
)

// Tellers chooses the timelines that hear of a deploy.
var Tellers = tellers
