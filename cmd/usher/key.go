package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/adminclient"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// keyCmd is `usher key`.
type keyCmd struct {
	List      keyList      `cmd:"" help:"List the signing keys."`
	Rotate    keyRotate    `cmd:"" help:"Announce a new signing key; verifiers that cache the key set notice nothing."`
	Retire    keyRetire    `cmd:"" help:"Take a key that does not sign out of the key set at once."`
	Export    keyExport    `cmd:"" help:"Print the public keys, for what reads only files."`
	NewMaster keyNewMaster `cmd:"" help:"Make a master key file."`
}

// keyFlags are what commands about signing keys share.
type keyFlags struct {
	databaseFlag
	masterFlag
}

// withKeys opens the database, which it may create, and the master key for do.
func (f keyFlags) withKeys(ctx context.Context, w world, create bool, do func(*admin.Keys) error) error {
	return f.with(ctx, create, func(s *storage.Store) error { return f.keysOf(ctx, w, s, do) })
}

// keysOf opens the master key of an open database.
func (f keyFlags) keysOf(ctx context.Context, w world, s *storage.Store, do func(*admin.Keys) error) error {
	master, err := f.load(ctx, s, func(_ slog.Level, text string) { w.say("usher: %s", text) })
	if err != nil {
		return err
	}
	return otherMaster(do(&admin.Keys{Store: s, Master: master}))
}

// keyView is a signing key as the world may see it.
type keyView struct {
	KID            string         `json:"kid"`
	Alg            keys.Algorithm `json:"alg"`
	Line           string         `json:"line,omitempty"` // audiences, or nothing for a key of the main line
	State          keys.State     `json:"state"`
	CreatedAt      adminapi.Time  `json:"created_at"`
	SignsFrom      adminapi.Time  `json:"signs_from"`
	PublishedUntil adminapi.Time  `json:"published_until"` // null: no end is planned
}

func viewKey(k admin.KeyStatus) keyView {
	view := keyView{
		KID: k.ID, Alg: k.Algorithm, State: k.State,
		CreatedAt: adminapi.Time{Time: k.CreatedAt}, SignsFrom: adminapi.Time{Time: k.SignsFrom}, PublishedUntil: adminapi.Time{Time: k.PublishedUntil},
	}
	if k.ForAudiences {
		view.Line = line(true)
	}
	return view
}

// line says what a key signs: tokens in general, or those for audiences that ask for
// its algorithm.
func line(forAudiences bool) string {
	if forAudiences {
		return "audiences"
	}
	return "main"
}

// keyList is `usher key list`.
type keyList struct {
	keyOffice
	outputFlag
}

func (c *keyList) Run(ctx context.Context, w world) error {
	return c.in(ctx, w, func(ks keyDesk) error {
		all, err := ks.List(ctx)
		if err != nil {
			return err
		}
		views := make([]keyView, len(all))
		rows := [][]string{{"KID", "ALG", "LINE", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL"}}
		for i, k := range all {
			views[i] = viewKey(k)
			rows = append(rows, []string{k.ID, string(k.Algorithm), line(k.ForAudiences), string(k.State), clock(k.CreatedAt), clock(k.SignsFrom), clock(k.PublishedUntil)})
		}
		return c.print(w, views, func() string { return table(rows...) })
	})
}

// keyRotate is `usher key rotate`.
type keyRotate struct {
	Alg keys.Algorithm `enum:",ES256,RS256,EdDSA" default:"" placeholder:"ALG" help:"Algorithm of the new key: ES256, RS256 or EdDSA (default: that of the key that signs)."`
	Now bool           `xor:"line" help:"A key has leaked: sign with new ones at once, also for audiences with their own. Every token issued so far stops working."`

	ForAudiences bool `xor:"line" help:"Rotate the key for audiences that ask for another algorithm, which --alg names where there are two."`
	keyOffice
	outputFlag
}

func (c *keyRotate) Run(ctx context.Context, w world) error {
	return c.in(ctx, w, func(ks keyDesk) error {
		rotate := ks.Rotate
		switch {
		case c.Now:
			rotate = ks.RotateNow
		case c.ForAudiences:
			rotate = ks.RotateForAudiences
		}
		k, err := rotate(ctx, c.Alg)
		if err != nil {
			return err
		}
		if k.State == keys.Announced {
			w.say("key %s (%s): announced, signs from %s", k.ID, k.Algorithm, clock(k.SignsFrom))
		} else {
			w.say("key %s (%s): signs now", k.ID, k.Algorithm)
		}
		if c.Now {
			// Where the token is fixed, it is void too by now.
			if err := sayOthers(ctx, w, ks); err != nil && !errors.Is(err, adminclient.ErrUnauthorized) {
				return err
			}
			w.say("All tokens signed by the keys of before are void: users and clients must get new ones.")
			w.say("APIs that cache the key set may refuse new tokens, and still accept old ones, for up to %d minutes.", int(keys.MaxAge.Minutes()))
		}
		return c.print(w, viewKey(k), nothing)
	})
}

// sayOthers tells which keys sign for audiences.
func sayOthers(ctx context.Context, w world, ks keyDesk) error {
	all, err := ks.List(ctx)
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.ForAudiences && k.State == keys.Signing {
			w.say("key %s (%s): signs now for audiences", k.ID, k.Algorithm)
		}
	}
	return nil
}

// keyRetire is `usher key retire`.
type keyRetire struct {
	KID string `arg:"" name:"kid" help:"Key id, as usher key list shows it."`
	keyOffice
}

func (c *keyRetire) Run(ctx context.Context, w world) error {
	if c.KID == "" { // at a server, a path of another meaning
		return fmt.Errorf("%w: %q", keys.ErrUnknownKey, c.KID)
	}
	return c.in(ctx, w, func(ks keyDesk) error {
		if err := ks.Retire(ctx, c.KID); err != nil {
			return err
		}
		w.say("key %s: gone from the key set, tokens it signed are void", c.KID)
		return nil
	})
}

// keyNewMaster is `usher key new-master`.
type keyNewMaster struct {
	File string `arg:"" help:"File to make; one that exists is left alone."`
}

func (c *keyNewMaster) Run(w world) error {
	switch err := writeMaster(c.File); {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists and is left alone: name another file, or add a line to this one by hand", c.File)
	case err != nil:
		return err
	}
	w.say("made the master key file %s; keep a copy of it in a safe place", c.File)
	return nil
}
