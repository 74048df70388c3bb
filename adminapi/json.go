package adminapi

import (
	"encoding/json"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Time is a time in JSON: RFC 3339, UTC, whole seconds, null where zero.
type Time struct{ time.Time }

// MarshalJSON writes t.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(time.RFC3339))
}

// User is a user without the hash of the password.
type User struct {
	ID        string   `json:"id"`
	Username  string   `json:"username"`
	Email     string   `json:"email"`
	FullName  string   `json:"full_name"`
	Disabled  bool     `json:"disabled"`
	Scopes    []string `json:"scopes"`
	CreatedAt Time     `json:"created_at"`
}

// Named reports whether it is of anybody: an answer without a name is no user.
func (u User) Named() bool { return u.ID != "" && u.Username != "" }

// UserOf is u as the world may see it.
func UserOf(u storage.User) User {
	return User{
		ID: u.ID, Username: u.Username, Email: u.Email, FullName: u.FullName,
		Disabled: u.Disabled, Scopes: array(u.Scopes), CreatedAt: Time{u.CreatedAt},
	}
}

// Client is a client without the hashes of its secrets.
type Client struct {
	ID string `json:"client_id"`
	// Secret is there only in the answer to the request that generated it.
	Secret         string   `json:"client_secret,omitempty"`
	Name           string   `json:"name"`
	Public         bool     `json:"public"`
	Grants         []string `json:"grants"`
	Scopes         []string `json:"scopes"`
	DefaultScopes  []string `json:"default_scopes"`
	Audiences      []string `json:"audiences"`
	Introspect     bool     `json:"introspect"`
	Disabled       bool     `json:"disabled"`
	OldSecretUntil Time     `json:"old_secret_until"` // null: only one secret is good
	CreatedAt      Time     `json:"created_at"`
}

// Named is Named of [User].
func (c Client) Named() bool { return c.ID != "" }

// ClientOf is c as the world may see it, with its secret where that was just generated.
func ClientOf(c storage.Client, secret string) Client {
	return Client{
		ID: c.ID, Secret: secret, Name: c.Name, Public: c.Public, Grants: array(c.Grants), Scopes: array(c.Scopes),
		DefaultScopes: array(c.DefaultScopes), Audiences: array(c.Audiences), Introspect: c.Introspect,
		Disabled: c.Disabled, OldSecretUntil: Time{c.OldSecretUntil}, CreatedAt: Time{c.CreatedAt},
	}
}

// Key is a signing key without its private part.
type Key struct {
	ID             string         `json:"kid"`
	Algorithm      keys.Algorithm `json:"alg"`
	ForAudiences   bool           `json:"for_audiences"` // of a line beside the main one
	State          keys.State     `json:"state"`
	CreatedAt      Time           `json:"created_at"`
	SignsFrom      Time           `json:"signs_from"`
	PublishedUntil Time           `json:"published_until"` // null: no end is planned
}

// Named is Named of [User].
func (k Key) Named() bool { return k.ID != "" }

func keyOf(k admin.KeyStatus) Key {
	return Key{
		ID: k.ID, Algorithm: k.Algorithm, ForAudiences: k.ForAudiences, State: k.State,
		CreatedAt: Time{k.CreatedAt}, SignsFrom: Time{k.SignsFrom}, PublishedUntil: Time{k.PublishedUntil},
	}
}

// Session is a login of a user that lives.
type Session struct {
	ID        string   `json:"id"`
	ClientID  string   `json:"client_id"`
	Scopes    []string `json:"scopes"`
	Audiences []string `json:"audiences"`
	AuthTime  Time     `json:"auth_time"`
	Refreshed Time     `json:"refreshed_at"` // when its refresh token was issued
	ExpiresAt Time     `json:"expires_at"`
}

func sessionOf(g storage.Grant) Session {
	return Session{
		ID: g.ID, ClientID: g.ClientID, Scopes: array(g.Scopes), Audiences: array(g.Audiences),
		AuthTime: Time{g.AuthTime}, Refreshed: Time{g.RotatedAt}, ExpiresAt: Time{g.ExpiresAt},
	}
}

// Throttle is what is held against a user, a network, or one seen from the other.
type Throttle struct {
	Username *string `json:"user"`    // null: at all accounts
	Network  *string `json:"network"` // null: from all networks
	Failures int     `json:"failures"`
	Until    Time    `json:"until"` // null: guesses are still allowed
}

// ThrottleOf is t as the world may see it.
func ThrottleOf(t storage.Throttle) Throttle {
	return Throttle{orNull(t.Username), orNull(t.Network), t.Failures, Time{t.Until}}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// array makes a list an array in JSON, never null.
func array(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// each turns every item of a list.
func each[A, B any](list []A, turn func(A) B) []B {
	turned := make([]B, len(list))
	for i, item := range list {
		turned[i] = turn(item)
	}
	return turned
}
