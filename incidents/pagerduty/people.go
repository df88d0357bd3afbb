package pagerduty

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/snapback/snapback/access"
)

func userOf(u api.User) User {
	return User{ID: clean(u.ID, maxName), Name: clean(cmp.Or(u.Name, u.Summary), maxName), Email: clean(u.Email, maxName)}
}

// UserByEmail finds the user with exactly this e-mail address, whatever its case: ErrNoUser when there is none.
// PagerDuty's own search matches names and parts of them, so its answers are compared here.
func (c *Client) UserByEmail(ctx context.Context, email string) (User, error) {
	const op = "looking up a user by e-mail"
	email = strings.TrimSpace(email)
	if email == "" {
		return User{}, &Error{Op: op, Reason: ReasonNoUser, Err: ErrNoUser}
	}
	var found *User
	err := pages(op, func(offset int) (bool, error) {
		users, more, err := c.users(ctx, op, email, offset)
		for _, u := range users {
			if strings.EqualFold(u.Email, email) {
				user := userOf(u)
				found = &user
				return false, nil
			}
		}
		return more, err
	})
	if err == nil && found == nil {
		err = &Error{Op: op, Reason: ReasonNoUser, Err: ErrNoUser}
	}
	if err != nil {
		return User{}, err
	}
	return *found, nil
}

func (c *Client) users(ctx context.Context, op, search string, offset int) ([]api.User, bool, error) {
	var out struct {
		page
		Users []api.User `json:"users"`
	}
	q := listQuery(offset)
	q.Set("query", search)
	err := c.rest(ctx, call{op: op, method: http.MethodGet, path: "/users", query: q, out: &out})
	return out.Users, out.More, err
}

// OnCall returns who is on call now for a service, at any level of its escalation policy, first level first.
func (c *Client) OnCall(ctx context.Context, serviceID string) ([]access.Person, error) {
	op := "looking up who is on call for service " + clean(serviceID, maxName)
	if err := checkID(op, serviceID); err != nil {
		return nil, err
	}
	var doc struct {
		Service struct {
			Policy object `json:"escalation_policy"`
		} `json:"service"`
	}
	if err := c.rest(ctx, call{op: op, method: http.MethodGet, path: "/services/" + serviceID, out: &doc}); err != nil {
		return nil, err
	}
	if doc.Service.Policy.ID == "" {
		return nil, &Error{Op: op, Retry: true, Reason: ReasonMalformed, Err: errors.New("the service has no escalation policy")}
	}
	users, err := c.OnCallForPolicy(ctx, doc.Service.Policy.ID)
	var people []access.Person
	for _, u := range users {
		people = append(people, access.Person{PagerDutyID: u.ID, Name: u.Name, Email: u.Email})
	}
	return people, err
}

// rawOnCall is one person's turn. Somebody on several schedules has several.
type rawOnCall struct {
	User  api.User `json:"user"`
	Level int      `json:"escalation_level"`
}

// OnCallForPolicy returns who is on call now for an escalation policy, at any level, first level first, each once.
func (c *Client) OnCallForPolicy(ctx context.Context, policyID string) ([]User, error) {
	op := "looking up who is on call for escalation policy " + clean(policyID, maxName)
	if err := checkID(op, policyID); err != nil {
		return nil, err
	}
	var turns []rawOnCall
	err := pages(op, func(offset int) (bool, error) {
		var out struct {
			page
			OnCalls []rawOnCall `json:"oncalls"`
		}
		q := listQuery(offset)
		q.Set("escalation_policy_ids[]", policyID)
		q.Set("include[]", "users")
		err := c.rest(ctx, call{op: op, method: http.MethodGet, path: "/oncalls", query: q, out: &out})
		turns = append(turns, out.OnCalls...)
		return out.More, err
	})
	if err != nil {
		return nil, err
	}
	return inOrder(turns), nil
}

func inOrder(turns []rawOnCall) []User {
	slices.SortStableFunc(turns, func(a, b rawOnCall) int { return cmp.Compare(a.Level, b.Level) })
	var users []User
	for _, t := range turns {
		known := func(u User) bool { return u.ID == t.User.ID }
		if t.User.ID != "" && !slices.ContainsFunc(users, known) {
			users = append(users, userOf(t.User))
		}
	}
	return users
}
