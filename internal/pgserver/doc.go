// Package pgserver runs a private PostgreSQL server from the machine's own binaries, for when nobody
// has given us a database.
//
// The server listens on a Unix socket only, never runs as root, and lives in one folder:
//
//	DIR            ours, 0711 (0700 when server and program are the same user)
//	DIR/*.conf     written by us; the server can read and not change them, its access rules included
//	DIR/server.log ours, 0600; the server writes through a descriptor; bounded
//	DIR/start.lock held while a server is looked for, started or stopped
//	DIR/users.lock held shared by each Server value: whoever holds it alone may stop the server
//	DIR/initdb.lock held by initdb itself, which may outlive us
//	DIR/data       the server's, 0700; appears whole, by a rename, when initdb is done
//	DIR/run        the server's, 0700; the socket (elsewhere when the path is too long for a socket)
//
// As root we therefore never write below a folder that the server's account controls, where a
// symbolic link laid by that account would make root write elsewhere.
//
// # Who may connect
//
// The server asks the kernel who is at the other end of the socket (peer authentication), and lets in
// the one account that this program runs as, and root. There is no password to keep or to leak. It works when
// we are root and the server is another account, and when both are the same account.
//
// # What happens in a crash
//
// The program is killed: the server stays, and the next Start on the folder adopts it, after checking
// in /proc that the process in postmaster.pid is a PostgreSQL server in that very folder. A parent-death
// signal would be the other way; it is tied to the thread that started the server, which the Go
// runtime may end while the program lives. With Config.OrphanTimeout a guard process stops the orphan instead.
//
// The server is killed: it is started again, with growing pauses, and recovers by its write-ahead log.
//
// Killed in initdb: the half-made folder has another name, and is thrown away by the next Start.
//
// It relies on /proc and flock, so it is for Linux, as the container engine is.
package pgserver
