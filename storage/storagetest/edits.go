package storagetest

import "github.com/usher-oauth/usher/storage"

// DisableUser is for [storage.Store.ChangeUser].
func DisableUser(u *storage.User) error { u.Disabled = true; return nil }

// EnableUser is for [storage.Store.ChangeUser].
func EnableUser(u *storage.User) error { u.Disabled = false; return nil }

// UserScopes is for [storage.Store.ChangeUser].
func UserScopes(scopes ...string) func(*storage.User) error {
	return func(u *storage.User) error { u.Scopes = scopes; return nil }
}

// ClientScopes is for [storage.Store.ChangeClient].
func ClientScopes(scopes ...string) func(*storage.Client) error {
	return func(c *storage.Client) error { c.Scopes = scopes; return nil }
}

// DisableClient is for [storage.Store.ChangeClient].
func DisableClient(c *storage.Client) error { c.Disabled = true; return nil }

// EnableClient is for [storage.Store.ChangeClient].
func EnableClient(c *storage.Client) error { c.Disabled = false; return nil }
