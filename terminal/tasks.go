package terminal

import (
	"bytes"
	"net/http"

	"github.com/snapback/snapback/internal/webpage"
)

// afterTask stands between a task's name and the line that it has written.
const afterTask = " | "

// maxTask is how long a task's name may be that a page asks for, in bytes.
const maxTask = 400

// tasks says which there are of a service, for a page that shows the lines of one of them alone.
func (s *Service) tasks(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.reader(r)
	if err != nil {
		return err
	}
	t, err := s.cfg.Engine.Resolve(r.Context(), sess.Container)
	if err != nil {
		return err
	}
	var view struct {
		Tasks []Task `json:"tasks"`
	}
	if t.Service && s.cfg.Tasks != nil {
		if view.Tasks, err = s.cfg.Tasks.Tasks(r.Context(), t); err != nil {
			return err
		}
	}
	return s.ok(w, view)
}

// ofTask is the filter for the lines of a task alone, where a page asks for one.
func (f filter) ofTask(r *http.Request) (filter, error) {
	name := r.URL.Query().Get("task")
	if len(name) > maxTask {
		return filter{}, webpage.ErrMalformed
	}
	if name != "" {
		f.begins = []byte(name + afterTask)
	}
	return f, nil
}

// begun says whether a line is of the task that is asked for, if one is.
func (f filter) begun(line []byte) bool { return bytes.HasPrefix(line, f.begins) }
