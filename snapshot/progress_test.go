package snapshot_test

import (
	"testing"

	"github.com/snapback/snapback/snapshot"
)

func TestProgressSaysWhichVolumeAndHowMuch(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]snapshot.Progress{
		"filling volume 2 of 3, /data: 412.0 MB of 1.2 GB": {Doing: snapshot.FillingVolume, Volume: 2, Of: 3, Path: "/data", Bytes: 412e6, Total: 12e8},
		"archiving volume 1 of 1, /data: 0 B so far":       {Doing: snapshot.ArchivingVolume, Volume: 1, Of: 1, Path: "/data"},
		"checking volume 1 of 2, /x: 1.5 kB of 1.5 kB":     {Doing: snapshot.CheckingVolume, Volume: 1, Of: 2, Path: "/x", Bytes: 1500, Total: 1500},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
