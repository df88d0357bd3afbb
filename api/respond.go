package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

func respond(w http.ResponseWriter, status int, v any) error {
	write(w, status, "application/json", v)
	return nil
}

// write sends v as JSON. All that is sent here are our own plain shapes, which always encode; should one not, the
// client gets no body rather than half of one.
func write(w http.ResponseWriter, status int, mediaType string, v any) {
	doc, err := json.Marshal(v)
	if err != nil {
		status, doc = http.StatusInternalServerError, []byte(`{"code":"internal_error"}`)
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(append(doc, '\n')) // a client that has gone needs no answer
}

// decode reads the request's body into v, strictly: an unknown field is a typing mistake that would otherwise pass
// for consent to the default. No body at all leaves v as it is.
func decode(r *http.Request, v any) error {
	body, err := readBody(r)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	if err := checkMediaType(r.Header.Get("Content-Type")); err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return malformed("The body is not UTF-8.")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return malformed("The body can't be read: " + decodeWords(err) + ".")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return malformed("The body goes on after its end.")
	}
	return nil
}

// decodeWords says what is wrong with a document without quoting its values.
func decodeWords(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return "the field " + wrong.Field + " is of the wrong type"
	}
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return "there is no field " + clip(name)
	}
	return "it is not JSON of the expected shape"
}

// readBody reads what the body cap lets through.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, malformed("The body ended too soon, or took too long.")
	}
	return body, nil
}

func checkMediaType(header string) error {
	mediaType, params, err := mime.ParseMediaType(header)
	if err != nil || mediaType != "application/json" && mediaType != "application/merge-patch+json" {
		return errMediaType
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return errMediaType
	}
	return nil
}

// clip bounds what is quoted from a request.
func clip(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
