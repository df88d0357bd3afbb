package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// Resolve finds the container that id stands for: the engine's whole ID, else the name, alone or as engine/name, else snapback.service, else a
// prefix of the engine's ID of at least 12 digits. What is more exact goes first, so that nobody can take another
// container's name away by using it as a service. What is gone answers only where nothing else does: see
// snapshot.Present.
//
// It returns an error that wraps snapshot.ErrUnknownContainer, or snapshot.ErrAmbiguous when several answer; either
// becomes an answer that lists the names.
func Resolve(all []snapshot.Container, id string) (snapshot.Container, error) {
	ways := []func(snapshot.Container) bool{
		func(c snapshot.Container) bool { return c.ID == id },
		func(c snapshot.Container) bool { return c.Answers(id) },
		func(c snapshot.Container) bool { return c.Service == id },
		func(c snapshot.Container) bool { return snapshot.SameOrShort(c.ID, id) },
	}
	for _, fits := range ways {
		if found := snapshot.Present(choose(all, fits)); id != "" && len(found) > 0 {
			return only(found, id)
		}
	}
	return snapshot.Container{}, &refusal{
		err:    snapshot.ErrUnknownContainer,
		detail: fmt.Sprintf("No enabled container answers to %q. %s", clip(id), listing("There are", names(all))),
		names:  names(all),
	}
}

func choose(all []snapshot.Container, fits func(snapshot.Container) bool) []snapshot.Container {
	var found []snapshot.Container
	for _, c := range all {
		if fits(c) {
			found = append(found, c)
		}
	}
	return found
}

func only(found []snapshot.Container, id string) (snapshot.Container, error) {
	if len(found) == 1 {
		return found[0], nil
	}
	return snapshot.Container{}, &refusal{
		err:    snapshot.ErrAmbiguous,
		detail: fmt.Sprintf("Several containers answer to %q. Use the name or the ID of one: %s.", clip(id), strings.Join(names(found), ", ")),
		names:  names(found),
	}
}

// maxNames bounds the names in an answer.
const maxNames = 50

// names are the containers' names in order. A name that several have comes with the engine's and with an ID.
func names(all []snapshot.Container) []string {
	count := map[string]int{}
	for _, c := range all {
		count[c.Called()]++
	}
	list := make([]string, 0, len(all))
	for _, c := range all {
		if count[c.Called()] > 1 {
			list = append(list, fmt.Sprintf("%s (%s, %.12s)", c.Name, c.Engine, c.ID))
			continue
		}
		list = append(list, c.Called())
	}
	slices.Sort(list)
	return list[:min(len(list), maxNames)]
}

func listing(intro string, names []string) string {
	if len(names) == 0 {
		return "There are none."
	}
	return intro + ": " + strings.Join(names, ", ") + "."
}
