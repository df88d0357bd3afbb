// Package access says who may. It holds the rules that a container's labels make (whoever is in the channel, whoever is on
// call, the listed, nobody), what is known of people, and the API's tokens with their scopes.
//
// It asks through small interfaces who is on call, who is in a group, and what an account is good for. It speaks with
// neither Slack nor PagerDuty, keeps nothing itself, and decides what people may do, never what is done: that is for
// those who ask.
package access
