package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/usher-oauth/usher/bench/report"
)

// question is what -rows can name. Its answer is one row of the report, or a few.
type question struct {
	name        string
	bothEngines bool // else it is asked of SQLite alone
	ask         func(context.Context, *bench, string) ([]report.Row, error)
}

// questions come in the order of the report.
var questions = []question{
	{"client_credentials", true, issuing("ES256", "/token/es256", 0.60)},
	{"client_credentials-rs256", false, issuing("RS256", "/token/rs256", 0.95)},
	{"introspection", true, introspecting},
	{"users-me", true, readingUser},
	{"jwks", false, reading("JWKS", jwksPath, `"keys"`)},
	{"metadata", false, reading("metadata", metadataPath, `"issuer"`)},
	{"login-10", false, loggingIn(10, 2)},
	{"login-12", false, loggingIn(12, 5)},
	{"refresh", true, refreshing},
	{"quiet", false, quietly},
	{"growth", false, growing},
	{"start", true, starting},
	{"memory", false, remembering},
	{"peers", false, besidePeers},
	{scaleName, false, scaling},
}

// with runs f with a pair and stops that.
func with(ctx context.Context, b *bench, engine string, cost int, flags []string, f func(*pair) ([]report.Row, error)) ([]report.Row, error) {
	p, err := b.pair(ctx, engine, cost, flags...)
	if err != nil {
		return nil, err
	}
	rows, err := f(p)
	return rows, errors.Join(err, p.running.stop())
}

// issuing asks what an access token costs.
func issuing(alg, barePath string, goal float64) func(context.Context, *bench, string) ([]report.Row, error) {
	return func(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
		return with(ctx, b, engine, 0, []string{"--signing-alg", alg}, func(p *pair) ([]report.Row, error) {
			usher := p.contender("usher", p.usher.clientCredentials("/token"))
			bare := p.contender("bare", p.bare.clientCredentials(barePath))
			return p.contest(ctx, report.Row{
				Name:    "client_credentials " + alg,
				Does:    "`POST /token`: the client proves itself by Basic and gets a token signed with " + alg,
				Against: "reads the form, makes one " + alg + " signature over a text of the same size, writes JSON",
			}, []*contender{usher, bare}, figure{"against bare", usher, bare, goal})
		})
	}
}

func introspecting(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	return with(ctx, b, engine, 0, nil, func(p *pair) ([]report.Row, error) {
		usher := p.contender("usher", p.usher.introspect("/introspect", p.login.Access))
		bare := p.contender("bare", p.bare.introspect("/introspect", p.login.Access))
		verifying := p.contender("bare that verifies", p.bare.introspect("/introspect/verify", p.login.Access))
		tokens, err := p.usher.freshTokens(ctx)
		if err != nil {
			return nil, err
		}
		fresh := p.contender("usher, other tokens", p.usher.introspect("/introspect", ""))
		fresh.main.Turns = tokens
		return p.contest(ctx, report.Row{
			Name:    "introspection",
			Does:    "`POST /introspect` of an active access token, the same each time; then of thousands in turn, more than it remembers. The client proves itself by Basic",
			Against: "reads the form, writes 300 bytes of JSON; in another contest it also verifies one ES256 signature",
		}, []*contender{usher, fresh, bare, verifying},
			figure{"against bare", usher, bare, 0.60}, figure{"against bare that verifies", usher, verifying, 1},
			figure{"other tokens, that too", fresh, verifying, 0.60})
	})
}

func readingUser(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	return with(ctx, b, engine, 0, nil, func(p *pair) ([]report.Row, error) {
		usher := p.contender("usher", p.usher.me("/users/me", p.login.Access))
		bare := p.contender("bare", p.bare.me("/users/me", p.login.Access))
		verifying := p.contender("bare that verifies", p.bare.me("/users/me/verify", p.login.Access))
		return p.contest(ctx, report.Row{
			Name:    "/users/me",
			Does:    "`GET /users/me` with a user's access token, the same each time",
			Against: "reads the header, writes 200 bytes of JSON; in another contest it also verifies one ES256 signature",
		}, []*contender{usher, bare, verifying},
			figure{"against bare", usher, bare, 0.60}, figure{"against bare that verifies", usher, verifying, 1})
	})
}

// reading asks what a document costs that is the same for all.
func reading(name, path, wanted string) func(context.Context, *bench, string) ([]report.Row, error) {
	return func(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
		return with(ctx, b, engine, 0, nil, func(p *pair) ([]report.Row, error) {
			usher := p.contender("usher", p.usher.get(path, wanted))
			bare := p.contender("bare", p.bare.get("/file/"+filepath.Base(path), wanted))
			return p.contest(ctx, report.Row{
				Name:    name,
				Does:    "`GET " + path + "`",
				Against: "writes the same bytes",
			}, []*contender{usher, bare}, figure{"against bare", usher, bare, 0.90})
		})
	}
}

// loggingIn asks what a login costs. So few come to an end in a second that the time
// is stretched.
func loggingIn(cost int, stretch time.Duration) func(context.Context, *bench, string) ([]report.Row, error) {
	return func(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
		return with(ctx, b, engine, cost, nil, func(p *pair) ([]report.Row, error) {
			usher := p.contender("usher", p.usher.password("/token"))
			bare := p.contender("bare", p.bare.password("/token/login"))
			usher.stretch, bare.stretch = stretch, stretch
			return p.contest(ctx, report.Row{
				Name:    fmt.Sprintf("login, cost %d", cost),
				Does:    fmt.Sprintf("`POST /token` with a password whose bcrypt hash has cost %d; the session is on disk", cost),
				Against: "reads the form, compares one hash of that cost, as many at once as there are cores, writes JSON",
			}, []*contender{usher, bare}, figure{"against bare", usher, bare, 0.97})
		})
	}
}

func refreshing(ctx context.Context, b *bench, engine string) ([]report.Row, error) {
	return with(ctx, b, engine, 0, nil, func(p *pair) ([]report.Row, error) {
		sessions, err := p.usher.sessions(ctx, b.connections)
		if err != nil {
			return nil, err
		}
		ids := make([]string, b.connections)
		for i := range ids {
			ids[i] = fmt.Sprintf("%020d", i) // as the bare server names its rows
		}
		usher := p.contender("usher", p.usher.refresh("/token", sessions))
		bare := p.contender("bare", p.bare.refresh("/token/refresh", ids))
		return p.contest(ctx, report.Row{
			Name:    "refresh",
			Does:    "`POST /token` with the refresh token of the answer before, of a session for each connection; the rotation is on disk",
			Against: "reads the form, commits an UPDATE of the same columns of one row on the same engine with the same settings, writes JSON",
		}, []*contender{usher, bare}, figure{"against bare", usher, bare, 0.60})
	})
}
