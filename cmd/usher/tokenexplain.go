package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usher-oauth/usher/diagnose"
	"github.com/usher-oauth/usher/storage"
)

// tokenExplain is `usher token explain`.
type tokenExplain struct {
	Token    string `arg:"" help:"Token to explain, or - to read it from standard input, where no process list shows it."`
	Issuer   string `placeholder:"URL" help:"Issuer that the API expects, to the letter (default: the one the token names)."`
	Audience string `placeholder:"URI" help:"Audience that the API expects."`
	Typ      string `enum:",at+jwt,JWT" default:"" placeholder:"TYP" help:"Type of token that the API demands: at+jwt or JWT (default: at+jwt)."`
	Scope    list   `placeholder:"LIST" help:"Scopes that the API needs."`
	belongings
	outputFlag
}

// maxTokenInput bounds what is read as a token, in bytes.
const maxTokenInput = 1 << 20

func (c *tokenExplain) Run(ctx context.Context, w world) error {
	t := diagnose.Token{Text: c.Token, Issuer: c.Issuer, Audience: c.Audience, Type: c.Typ}
	if c.Issuer != "" {
		if err := diagnose.CheckURL(c.Issuer); err != nil {
			return usagef("--issuer: %w", err)
		}
	}
	var err error
	if t.Scopes, err = c.Scope.scopes("--scope"); err != nil {
		return err
	}
	if c.Token == "-" {
		text, err := io.ReadAll(io.LimitReader(w.stdin, maxTokenInput))
		if err != nil {
			return fmt.Errorf("reading the token from standard input: %w", err)
		}
		t.Text = string(text)
	}
	if c.Database == "" {
		if c.MasterKeyFile != nil {
			return usagef("--master-key-file is looked at with --database: name that too")
		}
		return c.explain(ctx, w, t)
	}
	database := databaseFlag{Database: c.Database, asIs: true}
	return database.with(ctx, false, func(s *storage.Store) error {
		t.Store = s
		if file := c.masterFile(); file != "" {
			// Without it, refresh tokens are looked up all the same.
			t.Master, err = readMaster(file, func(slog.Level, string) {})
			if err != nil && (c.MasterKeyFile != nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)) {
				return err
			}
		}
		return c.explain(ctx, w, t)
	})
}

func (c *tokenExplain) explain(ctx context.Context, w world, t diagnose.Token) error {
	e := t.Explain(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.print(w, e, func() string { return explanationText(e, time.Now()) }); err != nil {
		return err
	}
	failed := diagnose.Failed(e.Checks)
	switch {
	case len(failed) > 0:
		return fmt.Errorf("the token would be refused: %s", strings.Join(failed, ", "))
	case !e.Accepted:
		return errors.New("whether the token would be accepted can't be told from here: the lines that begin with skipped say what is needed")
	}
	return nil
}

// explanationText shows what a token is, what it says, and the checks.
func explanationText(e diagnose.Explanation, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", e.Kind)
	if e.Header != nil {
		b.WriteString("\nheader\n" + indented(members(e.Header, []string{"typ", "alg", "kid"}, now)))
	}
	if e.Claims != nil {
		by := "not verified: only what it says of itself"
		if e.Verified {
			by = "signed by the issuer"
		}
		fmt.Fprintf(&b, "\nclaims (%s)\n", by)
		b.WriteString(indented(members(e.Claims, []string{"iss", "sub", "aud", "exp", "iat", "nbf", "auth_time", "jti", "client_id", "scope"}, now)))
	}
	b.WriteString("\n" + findingsTable(e.Checks))
	return b.String()
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// members shows the members of an object, first the ones in the given order.
func members(object map[string]any, first []string, now time.Time) string {
	place := func(name string) int {
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		return len(first)
	}
	names := slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
	})
	rows := make([][]string, len(names))
	for i, name := range names {
		rows[i] = []string{name, memberText(name, object[name], now)}
	}
	return table(rows...)
}

// memberText shows a value: text as it is, times with what they mean, all else as
// JSON.
func memberText(name string, value any, now time.Time) string {
	if s, ok := value.(string); ok {
		return cell(s)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return cell(fmt.Sprint(value)) // not reached: it was JSON
	}
	if n, ok := value.(json.Number); ok && slices.Contains([]string{"exp", "iat", "nbf", "auth_time"}, name) {
		if seconds, err := n.Int64(); err == nil {
			return diagnose.Moment(seconds, now)
		}
	}
	return cell(string(text))
}
