// Package demo plays a night of an on-caller on one machine, without an account anywhere: a shop runs as a container, or as a
// service of a Swarm, a deploy breaks it, PagerDuty calls, Slack shows the alert, and one tap puts the shop back.
//
// The product, the container engine, the shop and its errors are real. Slack and PagerDuty are the stand-ins that the
// tests use as well. Interactive, the demo ends its part with the alert and leaves the phone to the visitor; with
// Options.Auto it plays Maria, who is on call, measures each step against a deadline, and fails if one was missed.
//
// It leaves nothing behind: whatever happens, containers, images and data of the run are removed at the end.
package demo
