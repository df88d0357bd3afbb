// Package bot is what people see and tap in Slack: the message of an incident and its thread, buttons, the /snapback
// command, and the answers that only one person sees.
//
// What has happened is on the timeline, and the timeline is the outbox: Deliver brings Slack up to what is written
// there, however often it is called and by however many bots. It posts each thing once, also across crashes; see
// deliver.go. What people tap comes in through Handler or Socket Mode, is stored before it is answered, and is carried
// out by Handle.
//
// The package decides how things are said (render.go, denial.go, errors.go). It doesn't decide who may (access does), doesn't
// restore (snapshot/restore does), doesn't call PagerDuty (incidents/pagerduty does), and keeps nothing itself: what it needs
// is in ports.go.
package bot
