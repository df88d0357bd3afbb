// Package terminal opens a terminal for somebody who was paged: a signed link, good once and for minutes, buys a
// session in a browser that shows a container's logs and, where allowed, a shell in it.
//
// Somebody who is signed in to the console needs no link: their session is opened there, and over with the console's at the latest.
//
// A link becomes a session by one POST that follows a tap; looking at the link changes nothing:
//
//	minted ──tap──▶ session: open ──▶ ended (ended, idle, expired, resolved, not enabled, not allowed, not recorded)
//	   └──▶ expired            │
//	                           └─ per browser connection: viewer ──▶ away ──▶ viewer (reconnected, scrollback replayed)
//
// An open session can hold one shell at a time:
//
//	none ──▶ starting ──▶ running ──▶ ending ──▶ ended ──▶ (starting …)
//	             └───────────────────────▲
//
// Other sessions of the same container may watch a shell. They and the one whose shell it is are its party, in which exactly one has the
// keyboard:
//
//	whose shell it is ──give──▶ a watcher ──give──▶ another watcher
//	        ▲                       │
//	        └─ take, leave, session over        no contact for 30 seconds: whoever takes it
//
// What has to hold, whichever way a session goes:
//
//   - The timeline says who does what before it is done. Where it can't be written, nothing happens.
//   - A shell's output is in the recording before anybody sees it. While that can't be written, output waits, and no input is taken; where
//     it lasts, the shell ends. Input is never recorded: it holds passwords.
//   - Every way out of a shell ends all of its processes in the container and looks whether they are gone. The engine
//     does not do that: an exec outlives whoever asked for it. A process is the shell's by its kernel session, by an
//     environment or a limit that it has inherited, or for having been seen as a child of one. What can't be ended is
//     named. What a crash leaves is found by Sweep.
//   - What is typed, answered or sized by a page whose person has not the keyboard does nothing; nor does an answer to what was asked
//     before that person had it. Who watches and who has the keyboard is on the timeline before it is so; only the loss of a permission
//     comes first.
//   - What a shell's recording and timeline are owed is written down before they are closed, and its exit comes last.
//   - Viewers read from a bounded feed at their own pace, so that none can slow the recorder, the container, or
//     another viewer.
//
// A request at a bot that does not reach the container is passed on to one that does: see passon.go.
//
// The live part of a session (its feed and its shell) is in the memory of one bot. Where a shell runs, the browsers of its session, and of
// those that may watch it, are led to its bot: see holder.go. Only where that one can't be reached, another bot continues a session
// without its shell. Ending a session ends it everywhere, within the polling interval.
//
// The package does not decide who may do what (Gate does), and knows neither Docker nor Postgres nor Slack.
package terminal
