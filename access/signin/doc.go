/*
Package signin lets people into the console with passkeys. A person gets a link where they are known, in Slack or on the
host; the link registers a passkey of one device, once; the passkey signs in, and that opens a session.

	link ──once──▶ passkey ──challenge──▶ session ──▶ over: signed out, idle, too old, revoked, account over

A session says who somebody is. It permits nothing: what they may do is asked of access.Guard at every act.

Passkeys are discoverable and verify their user. Nobody is asked for a name, so that nothing tells whether somebody exists.
A challenge is signed and not kept; what is kept is that it was answered. That bounds what strangers can make the database
hold by what they can sign, which is nothing.

The package speaks no HTTP (console does) and has no SQL (store has).
*/
package signin
