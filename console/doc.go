/*
Package console is the bookmark: a page at GET / that shows, to whoever has signed in with a passkey, what is open, what was
deployed, and what runs. It is made for a phone; its front end is in console/web.

Before sign-in it shows nothing, not even names. What somebody sees then is what Slack would show them: containers in whose
channel they are, or that their labels let them restore. It is asked anew each time, and so is every act.

It decides nothing: access and access/signin say who somebody is and what they may, snapshot and incidents what there is.
*/
package console
