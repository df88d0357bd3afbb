// Package slackfake is a stand-in for Slack: a server that keeps channels, messages,
// threads, modals and files, and is as strict about tokens, signatures, limits and
// life times as the real one. Tests and the demo run the product against it.
//
// It has two sides. Programs talk to the HTTP side: the Web API under /api/, the
// response URLs, the upload URLs and Socket Mode. People talk to the Go side, in
// sentences:
//
//	slack := slackfake.Start(t, slackfake.Config{BotToken: "xoxb-1", SigningSecret: "s"})
//	ops := slack.AddChannel("C1", "ops")
//	ann := slack.AddUser("U1", "ann", "ann@example.com")
//	msg := ops.ExpectMessage(t, "High error rate")
//	ann.Tap(msg.Button("Acknowledge"))
//
// It knows nothing of the product, and it does not draw anything: Snapshot and Wait
// give a page all that it needs to do so.
//
// Error names and limits are those of Slack's method reference and Block Kit
// reference (docs.slack.dev). Where Slack's own behaviour is not written down, the
// stricter reading is taken.
package slackfake
