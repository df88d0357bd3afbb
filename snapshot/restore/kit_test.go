package restore_test

import "github.com/snapback/snapback/snapshot/restore"

func (k *kit) restorerWith(e restore.ContainerEngine, j restore.Journal) *restore.Restorer {
	return k.Started(restore.Config{Engine: e, Journal: j, Bot: "the other bot"})
}
