package webpage

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/snapback/snapback/internal/assets"
)

// Front is a page's front end, as it was built into the program.
type Front struct {
	dist fs.FS
	set  *assets.Set // nil: it was not built
}

// OpenFront takes the folder that the front end's build fills. A build without one goes on, and says ErrNoPage when it is asked; one
// that is broken is an error here.
func OpenFront(dist fs.FS, folder string) (Front, error) {
	sub, err := fs.Sub(dist, folder)
	if err != nil {
		return Front{}, err
	}
	set, err := assets.Open(sub)
	if errors.Is(err, assets.ErrNotBuilt) {
		err = nil
	}
	return Front{sub, set}, err
}

// Document is the page itself. It returns ErrNoPage.
func (f Front) Document() ([]byte, error) {
	b, err := fs.ReadFile(f.dist, "index.html")
	if err != nil {
		return nil, ErrNoPage
	}
	return b, nil
}

// Body is a file by its name in the sources, for a page that holds it inline; nil when there is none.
func (f Front) Body(source string) []byte {
	if f.set == nil {
		return nil
	}
	return f.set.Body(source)
}

// Asset serves what the document names, by the end of the path: {name}. The names hold hashes, so that these alone may be kept by
// browsers. It returns ErrNoPage and ErrNotFound.
func (f Front) Asset(w http.ResponseWriter, r *http.Request) error {
	if f.set == nil {
		return ErrNoPage
	}
	if err := f.set.Serve(w, r, r.PathValue("name")); err != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return nil
}
