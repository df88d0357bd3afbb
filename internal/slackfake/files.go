package slackfake

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// file is an upload in one of its three steps: promised, sent, shared.
type file struct {
	id, name, title string
	alt             string // for those who can't see it
	length          int
	data            []byte
	sent, shared    bool
}

// File is a file as people see it under a message.
type File struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	Alt      string `json:"alt,omitempty"` // for those who can't see it
	MIMEType string `json:"mimetype"`
	Data     []byte `json:"-"`
}

func (f *file) mimeType() string {
	if t := mime.TypeByExtension(path.Ext(f.name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (f *file) public() File {
	return File{ID: f.id, Name: f.name, Title: f.title, Alt: f.alt, MIMEType: f.mimeType(), Data: f.data}
}

func (f *file) wire(base string) result {
	return result{
		"id": f.id, "name": f.name, "title": f.title, "mimetype": f.mimeType(), "size": len(f.data),
		"url_private": base + "/files/" + f.id + "/" + f.name, "user": botUser,
	}
}

// File is a shared file by its ID.
func (s *Server) File(id string) (File, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	if f == nil || !f.shared {
		return File{}, false
	}
	return f.public(), true
}

func (s *Server) filesGetUploadURL(c *call) (result, error) {
	if err := c.need("filename", "length"); err != nil {
		return nil, err
	}
	length, err := strconv.Atoi(c.str("length"))
	if err != nil || length <= 0 {
		return nil, refuse("invalid_arguments", "[ERROR] length must be a positive number")
	}
	if utf8.RuneCountInString(c.str("alt_txt")) > maxAlt {
		return nil, refuse("alt_txt_too_large")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &file{id: s.nextID("F"), name: c.str("filename"), title: c.str("filename"), alt: c.str("alt_txt"), length: length}
	s.files[f.id] = f
	return result{"upload_url": s.baseURL + "/upload/" + f.id, "file_id": f.id}, nil
}

// maxAlt is how many characters a description may have.
const maxAlt = 1000

// filesDelete removes a file of the app's. A message that has nothing else goes with it; of others, the text stays.
func (s *Server) filesDelete(c *call) (result, error) {
	if err := c.need("file"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := c.str("file")
	if f := s.files[id]; f == nil || !f.shared {
		return nil, refuse("file_not_found")
	}
	delete(s.files, id)
	for _, ch := range s.channels {
		for _, m := range ch.messages {
			n := len(m.files)
			m.files = slices.DeleteFunc(m.files, func(one string) bool { return one == id })
			if len(m.files) < n && len(m.files) == 0 && m.text == "" && len(m.blocks) == 0 {
				m.deleted = true
			}
		}
	}
	s.touch()
	return result{}, nil
}

// serveUpload takes the bytes, as multipart or as they are.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request, id string) {
	data, err := uploadBytes(r)
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "bad upload", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	if f == nil || f.sent || len(data) != f.length {
		http.Error(w, "unknown upload or wrong length", http.StatusBadRequest)
		return
	}
	f.data, f.sent = data, true
	_, _ = io.WriteString(w, "OK - "+strconv.Itoa(len(data)))
}

func uploadBytes(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		part, _, err := r.FormFile("file")
		if err != nil {
			return nil, err
		}
		defer func() { _ = part.Close() }()
		body = part
	}
	return io.ReadAll(body)
}

// serveFile hands a shared file to whoever has the token, as url_private does.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, rest string) {
	id, _, _ := strings.Cut(rest, "/")
	f, ok := s.File(id)
	if !ok || r.Header.Get("Authorization") != "Bearer "+s.cfg.BotToken {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.MIMEType)
	_, _ = w.Write(f.Data)
}

func (s *Server) filesComplete(c *call) (result, error) {
	var wanted []struct{ ID, Title string }
	if json.Unmarshal(c.raw("files"), &wanted) != nil || len(wanted) == 0 {
		return nil, refuse("invalid_arguments", "[ERROR] missing required field: files")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	channels, err := s.shareTargets(c)
	if err != nil {
		return nil, err
	}
	ids, out := []string{}, []result{}
	for _, w := range wanted {
		f := s.files[w.ID]
		if f == nil || !f.sent || f.shared {
			return nil, refuse("file_not_found")
		}
		if w.Title != "" {
			f.title = w.Title
		}
		ids, out = append(ids, f.id), append(out, f.wire(s.baseURL))
	}
	return result{"files": out}, s.share(c, channels, ids)
}

// shareTargets are the channels that a file goes to. The caller holds mu.
func (s *Server) shareTargets(c *call) ([]*channel, error) {
	refs := strings.FieldsFunc(c.str("channels"), func(r rune) bool { return r == ',' })
	if one := c.str("channel_id"); one != "" {
		refs = append(refs, one)
	}
	var out []*channel
	for _, ref := range refs {
		ch, err := s.openChannel(ref)
		if err != nil {
			return nil, err
		}
		out = append(out, ch)
	}
	return out, nil
}

// share posts the message that carries the files. The caller holds mu.
func (s *Server) share(c *call, channels []*channel, ids []string) error {
	for _, id := range ids {
		s.files[id].shared = true
	}
	for _, ch := range channels {
		thread, err := ch.thread(c.str("thread_ts"))
		if err != nil {
			return err
		}
		m := s.post(ch, botUser, thread, content{text: c.str("initial_comment")})
		m.files = slices.Clone(ids)
	}
	return nil
}
