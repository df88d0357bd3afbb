package setup

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Compose is the folder of deploy/compose.yaml: settings go into .env, and secrets into files of their own.
type Compose struct{ Dir string }

// imageUser is the bot's account in the image.
const imageUser = 65532

// composeSecrets are the files that compose.yaml mounts, by the settings that they hold.
var composeSecrets = map[string]string{
	"SLACK_BOT_TOKEN": "slack_bot_token", "SLACK_SIGNING_SECRET": "slack_signing_secret", "SLACK_APP_TOKEN": "slack_app_token",
	"PAGERDUTY_API_TOKEN": "pagerduty_api_token", "PAGERDUTY_WEBHOOK_SECRETS": "pagerduty_webhook_secrets", "SNAPBACK_SECRET_KEYS": "secret_keys", "DATABASE_URL": "database_url",
}

// String names no folder: in a container it is another one than on the machine.
func (c Compose) String() string { return ".env and secrets, beside compose.yaml" }

func (c Compose) env() string { return filepath.Join(c.Dir, ".env") }

func (c Compose) secret(file string) string { return filepath.Join(c.Dir, "secrets", file) }

// Get implements Target.
func (c Compose) Get(name string) string {
	if file, ok := composeSecrets[name]; ok {
		text, _ := os.ReadFile(c.secret(file))
		return strings.TrimSpace(string(text))
	}
	if name == "SNAPBACK_PUBLIC_URL" {
		if host := c.line("SNAPBACK_HOST"); host != "" {
			return "https://" + host
		}
		return ""
	}
	return c.line(name)
}

func (c Compose) line(name string) string {
	value, _ := c.lookup(name)
	return value
}

// lookup reads a line of .env.
func (c Compose) lookup(name string) (value string, stands bool) {
	text, _ := os.ReadFile(c.env())
	m := regexp.MustCompile(`(?m)^(?:export )?` + name + `[^\S\n]*=[^\S\n]*(.*?)[^\S\n]*$`).FindStringSubmatch(string(text))
	if m == nil {
		return "", false
	}
	return strings.ReplaceAll(strings.Trim(m[1], `'"`), `\'`, "'"), true
}

// Stands implements Target. A secret's file may be empty only because Compose wants one.
func (c Compose) Stands(name string) bool {
	if _, ok := composeSecrets[name]; ok {
		return c.Get(name) != ""
	}
	_, stands := c.lookup(name)
	return stands
}

// Set implements Target.
func (c Compose) Set(name, value string) error {
	if file, ok := composeSecrets[name]; ok {
		return c.setSecret(file, value)
	}
	if name == "SNAPBACK_PUBLIC_URL" {
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return errors.New("with Compose it has to be https://, and a name alone: Caddy gets the certificate for it")
		}
		name, value = "SNAPBACK_HOST", u.Host
	}
	text, err := os.ReadFile(c.env())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return WriteFile(c.env(), []byte(EditEnv(string(text), name, value)), false)
}

// setSecret makes a file that the bot's account reads alone. Who is not root can't give it away: then it is theirs.
func (c Compose) setSecret(file, value string) error {
	if err := os.MkdirAll(filepath.Dir(c.secret(file)), 0o700); err != nil {
		return err
	}
	uid := -1
	if os.Geteuid() == 0 {
		uid = imageUser
	}
	return replace(c.secret(file), []byte(value), 0o400, uid, uid)
}

// has says whether a secret's file is there. One that can't be read is no reason to make another: the old keys would be lost.
func (c Compose) has(name string) (bool, error) {
	_, err := os.ReadFile(c.secret(composeSecrets[name]))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, fmt.Errorf("reading what is there already: %w: run it as root", err)
}

// Complete makes what nobody has to be asked for, where it is not there yet: the password of the database, the keys, and the number
// of the engine's group.
func (c Compose) Complete(socket string) error {
	if there, err := c.has("DATABASE_URL"); err != nil {
		return err
	} else if !there {
		password := rand.Text()
		if err := errors.Join(c.setSecret("database_password", password), c.Set("DATABASE_URL", "postgres://snapback:"+password+"@db/snapback")); err != nil {
			return err
		}
	}
	if there, err := c.has("SNAPBACK_SECRET_KEYS"); err != nil {
		return err
	} else if !there {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
		if err := c.Set("SNAPBACK_SECRET_KEYS", "a:"+base64.StdEncoding.EncodeToString(key)); err != nil {
			return err
		}
	}
	for _, name := range []string{"SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "PAGERDUTY_WEBHOOK_SECRETS"} { // they may be empty, and are mounted all the same
		if there, err := c.has(name); err != nil {
			return err
		} else if !there {
			if err := c.setSecret(composeSecrets[name], ""); err != nil {
				return err
			}
		}
	}
	info, err := os.Stat(socket)
	if c.line("DOCKER_GROUP") != "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the engine's socket: %w: put its group's number into .env as DOCKER_GROUP", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return c.Set("DOCKER_GROUP", strconv.Itoa(int(owner.Gid)))
}
