package incidents

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
)

// Player is what plays recordings within a page, by itself: a script, which finds them by the ID of their element, and its styles.
type Player struct{ Script, Style []byte }

// What a page plays at most. A browser keeps what it plays unpacked, and a page is to be mailed: what is larger is in the zip alone.
const (
	playedBytes    = 16 << 20 // of one recording
	allPlayedBytes = 64 << 20
)

// played are the recordings that the page plays.
func (r Report) played() (list []Recording) {
	if len(r.Player.Script) == 0 {
		return nil
	}
	left := int64(allPlayedBytes)
	for _, rec := range r.Recordings {
		if recordingFile(rec.ID) == "" || rec.Bytes > min(playedBytes, left) {
			continue
		}
		left -= rec.Bytes
		list = append(list, rec)
	}
	return list
}

// inline is the player as a page holds it. The policy of the page lets run what has this hash, and nothing else.
type inline struct {
	Script template.JS
	Style  template.CSS
	Hash   string
}

func (p Player) inline() inline {
	sum := sha256.Sum256(p.Script)
	return inline{template.JS(p.Script), template.CSS(p.Style), "sha256-" + base64.StdEncoding.EncodeToString(sum[:])}
}

// writeCasts writes recordings into a page, each compressed, in an element that runs nothing.
func (r Report) writeCasts(w io.Writer, list []Recording) error {
	for _, rec := range list {
		if _, err := fmt.Fprintf(w, "<script type=\"application/octet-stream\" id=\"cast-%s\">", rec.ID); err != nil {
			return err
		}
		text := base64.NewEncoder(base64.StdEncoding, w)
		small := gzip.NewWriter(text)
		if err := errors.Join(r.cast(rec)(small), small.Close(), text.Close()); err != nil {
			return fmt.Errorf("recording %s: %w", rec.ID, err)
		}
		if _, err := io.WriteString(w, "</script>\n"); err != nil {
			return err
		}
	}
	return nil
}
