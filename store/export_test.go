package store

// The statements that pages of a timeline are read with, so that a test can have them explained.
var (
	PageAfter  = pageAfter
	PageBefore = pageBefore
)
