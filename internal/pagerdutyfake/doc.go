// Package pagerdutyfake is a stand-in for PagerDuty: incidents with their log, notes
// and webhooks behind the REST and Events APIs, as strict as the real ones about
// tokens, the From header, states and error codes. Tests and the demo use it.
//
// Programs talk to the HTTP side. People talk to the Go side, in sentences:
//
//	pd := pagerdutyfake.Start(t, pagerdutyfake.Config{APIToken: "t", Users: []pagerdutyfake.User{ann}})
//	pd.Subscribe("http://127.0.0.1:8080/webhooks/pagerduty", "secret")
//	inc := pd.Service("PSVC1").Trigger("High error rate")
//	inc.Acknowledge(ann)
//	inc.ExpectNote(t, "Restored pre-deploy-2255")
//
// Webhooks are sent in order per subscription and incident, signed, repeated on
// timeouts, 5xx and 429, dropped on any other 4xx; three drops in a row disable the
// subscription. What an API call causes is sent just like what a person does.
//
// Error codes are those of the REST API's error reference; where PagerDuty's own
// behaviour is not written down, the stricter reading is taken.
package pagerdutyfake
