package slackfake

import (
	"context"
	"slices"
)

// State is the whole workspace at one moment, ready to be drawn.
type State struct {
	Version  int64          `json:"version"` // grows with every change
	Channels []ChannelState `json:"channels"`
	Users    []UserState    `json:"users"`
}

// ChannelState is a channel with its messages in order, each with its thread.
type ChannelState struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Direct   string    `json:"direct,omitempty"` // whose direct message it is
	Messages []Message `json:"messages"`
}

// UserState is a person, and what only that person sees.
type UserState struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Email      string    `json:"email"`
	Ephemerals []Message `json:"ephemerals"`
	Notices    []Notice  `json:"notices"`
	Views      []View    `json:"views"` // open modals, the top one last
}

// Snapshot is the workspace as it is now.
func (s *Server) Snapshot() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := State{Version: s.version, Channels: []ChannelState{}, Users: []UserState{}}
	for _, ch := range s.channels {
		messages := s.topLevel(ch)
		if messages == nil {
			messages = []Message{}
		}
		out.Channels = append(out.Channels, ChannelState{ID: ch.id, Name: ch.name, Direct: ch.direct, Messages: messages})
	}
	for _, u := range s.users {
		out.Users = append(out.Users, s.userState(u))
	}
	return out
}

// userState copies a person. The caller holds mu.
func (s *Server) userState(u *user) UserState {
	out := UserState{
		ID: u.id, Name: u.name, Email: u.email, Ephemerals: []Message{},
		Notices: append([]Notice{}, slices.Clone(u.notices)...), Views: []View{},
	}
	for _, m := range u.ephemerals {
		if !m.deleted {
			out.Ephemerals = append(out.Ephemerals, s.read(m))
		}
	}
	for _, v := range u.stack {
		out.Views = append(out.Views, v.public())
	}
	return out
}

// Wait returns the workspace as soon as it is newer than version, or ctx's error.
func (s *Server) Wait(ctx context.Context, version int64) (State, error) {
	for {
		changed := s.changes()
		if state := s.Snapshot(); state.Version > version {
			return state, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return State{}, ctx.Err()
		case <-s.ctx.Done():
			return State{}, context.Canceled
		}
	}
}
