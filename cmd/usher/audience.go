package main

import (
	"context"
	"fmt"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// audienceCmd is `usher audience`.
type audienceCmd struct {
	Add    audienceAdd    `cmd:"" help:"Give an audience a profile: how its tokens look. Without one they are plain (RFC 9068)."`
	List   audienceList   `cmd:"" help:"List the audiences that have a profile."`
	Show   audienceShow   `cmd:"" help:"Show the profile of one audience."`
	Remove audienceRemove `cmd:"" help:"Make the tokens of an audience plain again."`
}

// audienceArg names an audience.
type audienceArg struct {
	URI string `arg:"" name:"uri" help:"The audience, to the letter as clients ask for it."`
}

// audienceView is an audience as the world may see it.
type audienceView struct {
	Audience    string          `json:"audience"`
	Alg         *keys.Algorithm `json:"alg"` // null: that of the server
	Typ         string          `json:"typ"`
	ExtraClaims []string        `json:"extra_claims"`
	TTL         *int64          `json:"ttl_seconds"` // null: that of the server
	CreatedAt   adminapi.Time   `json:"created_at"`
}

func viewAudience(a storage.Audience) audienceView {
	v := audienceView{Audience: a.URI, Typ: a.Type, ExtraClaims: a.ExtraClaims, CreatedAt: adminapi.Time{Time: a.CreatedAt}}
	if alg := keys.Algorithm(a.Algorithm); alg != "" {
		v.Alg = &alg
	}
	if seconds := int64(a.TTL / time.Second); seconds > 0 {
		v.TTL = &seconds
	}
	return v
}

// life shows the lifetime of an audience's tokens.
func life(a storage.Audience) string {
	if a.TTL == 0 {
		return "-"
	}
	return a.TTL.String()
}

// audienceAdd is `usher audience add`.
type audienceAdd struct {
	Alg         keys.Algorithm `enum:",ES256,RS256,EdDSA" default:"" placeholder:"ALG" help:"Algorithm that signs its tokens: ES256, RS256 or EdDSA (default: that of the server)."`
	Typ         string         `enum:"at+jwt,JWT" default:"at+jwt" placeholder:"TYP" help:"typ in the header: at+jwt, or JWT for APIs that refuse it (default: ${default})."`
	ExtraClaims list           `placeholder:"LIST" help:"Claims to add: azp (the client), scp (the scopes as a list), role (NAME of the scope role:NAME), username (of users)."`
	TTL         *time.Duration `name:"ttl" placeholder:"DURATION" help:"Life of its tokens, in whole seconds (default: that of the server)."`
	Update      bool           `help:"Replace the profile that the audience has; what is not said is as in a new one."`
	audienceArg
	keyFlags
	outputFlag
}

func (c *audienceAdd) Run(ctx context.Context, w world) error {
	if err := admin.CheckExtraClaims(c.ExtraClaims); err != nil {
		return usagef("--extra-claims: %w", err)
	}
	return c.withKeys(ctx, w, true, func(ks *admin.Keys) error {
		audiences := &admin.Audiences{Keys: ks}
		added, by, err := audiences.Add(ctx, admin.NewAudience{
			URI: c.URI, Algorithm: c.Alg, Type: c.Typ, ExtraClaims: c.ExtraClaims, TTL: c.TTL,
		}, c.Update)
		if err != nil {
			return err
		}
		w.say("audience %s: typ %s, extra claims: %s", added.URI, added.Type, words(added.ExtraClaims))
		w.say("%s", signedBy(by, keys.Algorithm(added.Algorithm)))
		return c.print(w, viewAudience(added), nothing)
	})
}

// signedBy tells from when on an audience's tokens are signed as was asked.
func signedBy(by admin.Signer, asked keys.Algorithm) string {
	switch {
	case by.Now == "" && asked == "":
		return "The first start of a server makes the key that signs its tokens."
	case by.Now == "":
		return fmt.Sprintf("The first start of a server makes the %s key that signs its tokens.", asked)
	case by.Next != "":
		return fmt.Sprintf("Tokens for it are signed %s from %s; until then %s, for APIs must have met the new key first.", by.Next, clock(by.From), by.Now)
	}
	return fmt.Sprintf("Tokens for it are signed %s.", by.Now)
}

// audienceList is `usher audience list`.
type audienceList struct {
	databaseFlag
	outputFlag
}

func (c *audienceList) Run(ctx context.Context, w world) error {
	return c.with(ctx, false, func(s *storage.Store) error {
		all, err := (&admin.Audiences{Keys: &admin.Keys{Store: s}}).List(ctx)
		if err != nil {
			return err
		}
		views := make([]audienceView, len(all))
		rows := [][]string{{"AUDIENCE", "ALG", "TYP", "EXTRA CLAIMS", "TTL", "CREATED"}}
		for i, a := range all {
			views[i] = viewAudience(a)
			rows = append(rows, []string{cell(a.URI), cell(a.Algorithm), a.Type, words(a.ExtraClaims), life(a), clock(a.CreatedAt)})
		}
		return c.print(w, views, func() string { return table(rows...) })
	})
}

// audienceShow is `usher audience show`.
type audienceShow struct {
	audienceArg
	databaseFlag
	outputFlag
}

func (c *audienceShow) Run(ctx context.Context, w world) error {
	return c.with(ctx, false, func(s *storage.Store) error {
		a, err := (&admin.Audiences{Keys: &admin.Keys{Store: s}}).Show(ctx, c.URI)
		if err != nil {
			return err
		}
		return c.print(w, viewAudience(a), func() string {
			return table(
				[]string{"audience", cell(a.URI)},
				[]string{"algorithm", cell(a.Algorithm)},
				[]string{"typ", a.Type},
				[]string{"extra claims", words(a.ExtraClaims)},
				[]string{"life of tokens", life(a)},
				[]string{"created", clock(a.CreatedAt)},
			)
		})
	})
}

// audienceRemove is `usher audience remove`.
type audienceRemove struct {
	audienceArg
	keyFlags
	outputFlag
}

func (c *audienceRemove) Run(ctx context.Context, w world) error {
	return c.withKeys(ctx, w, false, func(ks *admin.Keys) error {
		audiences := &admin.Audiences{Keys: ks}
		removed, err := audiences.Show(ctx, c.URI)
		if err != nil {
			return err
		}
		ended, err := audiences.Remove(ctx, c.URI)
		if err != nil {
			return err
		}
		w.say("audience %s: removed, its tokens are plain from now on", c.URI)
		for _, k := range ended {
			if k.PublishedUntil.After(ks.Store.Now()) {
				w.say("key %s (%s): no audience needs it, published until %s for the tokens it signed", k.ID, k.Algorithm, clock(k.PublishedUntil))
			} else {
				w.say("key %s (%s): no audience needs it, and it signed nothing: gone", k.ID, k.Algorithm)
			}
		}
		return c.print(w, viewAudience(removed), nothing)
	})
}
