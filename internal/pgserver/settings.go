package pgserver

import (
	"fmt"
	"net/url"
	"strings"
)

// owner is both the role that we connect as and the database that it owns.
const owner = "snapback"

// settings for a small server beside other things on a machine. Statements are kept out of the
// log, and details of rows with them: they can hold what must not be in a log.
const settings = `# Written at every start: changes here are lost.
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
max_connections = %d
shared_buffers = 64MB
max_wal_size = 256MB
min_wal_size = 32MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%%m [%%p] '
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
logging_collector = off
`

// forgetful trades every promise about crashes for speed.
const forgetful = `fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
`

const rules = `# Written at every start. Peer: the kernel says who is at the other end of the socket.
local all %s peer map=us
`

func (c Config) settings() string {
	text := fmt.Sprintf(settings, c.MaxConnections)
	if c.Ephemeral {
		text += forgetful
	}
	return text
}

// writeSettings tells whether anything is different from what a running server has read.
func (f folder) writeSettings(c Config) (changed bool, err error) {
	files := []struct{ name, content string }{
		{"postgresql.conf", c.settings()},
		{"pg_hba.conf", fmt.Sprintf(rules, owner)},
		{"pg_ident.conf", f.peers()},
	}
	for _, file := range files {
		one, err := f.writeFile(file.name, file.content)
		if err != nil {
			return false, err
		}
		changed = changed || one
	}
	return changed, nil
}

// peers lets in ourselves and root, who could read the files anyway and may run a command
// such as doctor against a bot that runs as somebody else.
func (f folder) peers() string {
	text := "us root " + owner + "\n"
	if f.acct.self != "root" {
		text += fmt.Sprintf("us %s %s\n", quoted(f.acct.self), owner)
	}
	return text
}

// quoted is a value of pg_ident.conf: account names from a directory service can have spaces in them.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (f folder) arguments(socket string) []string {
	return []string{
		"-D", f.data(), "-k", socket,
		"-c", "config_file=" + f.path("postgresql.conf"),
		"-c", "hba_file=" + f.path("pg_hba.conf"),
		"-c", "ident_file=" + f.path("pg_ident.conf"),
	}
}

// address is the URL of a database on a socket. Port and role are spelt out, or PGPORT and PGUSER would fill them in.
func address(socket, database string) string {
	query := url.Values{"host": {socket}, "port": {"5432"}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(owner), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}
