package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/storage"
)

// clientCredentials is how the client names and proves itself. The zero value
// names no client.
type clientCredentials struct {
	id string
	// secrets are the readings of the one secret sent, most likely first.
	secrets []string
	// header says that the Authorization header was used.
	header bool
}

// readCredentials finds the client's credentials in the header
// (client_secret_basic), else in the form (client_secret_post, none). Two methods
// at once are refused (RFC 6749 §2.3); the same client_id beside Basic is one.
func readCredentials(authorization []string, form url.Values) (clientCredentials, error) {
	var basic clientCredentials
	switch len(authorization) {
	case 0:
	case 1:
		var err error
		if basic, err = parseBasic(authorization[0]); err != nil {
			return clientCredentials{}, err
		}
	default:
		return clientCredentials{}, invalidRequest("The Authorization header must not be repeated.")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	switch {
	case basic.id == "" && secret == "":
		return clientCredentials{id: id, header: basic.header}, nil
	case basic.id == "" && id == "":
		return clientCredentials{}, invalidClient("client_secret came without client_id.", basic.header)
	case basic.id == "":
		return clientCredentials{id: id, secrets: []string{secret}, header: basic.header}, nil
	case secret != "":
		return clientCredentials{}, invalidRequest("Send the client's credentials either in the Authorization header or in the body, not both.")
	case id != "" && id != basic.id:
		return clientCredentials{}, invalidRequest("client_id differs from the client in the Authorization header.")
	}
	return basic, nil
}

// parseBasic reads an Authorization header. RFC 6749 §2.3.1 has id and secret
// form-encoded inside; curl and Swagger UI send them raw, so a secret is kept in
// both readings. An empty pair, which Swagger UI's dialog sends when left blank,
// names no client.
func parseBasic(header string) (clientCredentials, error) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return clientCredentials{}, invalidClient("Clients authenticate by the Basic scheme or in the body.", true)
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return clientCredentials{}, invalidClient("The Authorization header is not valid Base64.", true)
	}
	id, secret, ok := strings.Cut(string(pair), ":")
	if !ok {
		return clientCredentials{}, invalidClient("The Authorization header holds no colon between id and secret.", true)
	}
	if id == "" && secret == "" {
		return clientCredentials{header: true}, nil // a 401 has to name the scheme all the same (RFC 6749 §5.2)
	}
	if id == "" {
		return clientCredentials{}, invalidClient("The Authorization header names no client.", true)
	}
	if decoded, err := url.QueryUnescape(id); err == nil {
		id = decoded
	}
	c := clientCredentials{id: id, header: true}
	if secret == "" {
		return c, nil // a public client naming itself
	}
	if decoded, err := url.QueryUnescape(secret); err == nil && decoded != secret {
		c.secrets = append(c.secrets, decoded)
	}
	c.secrets = append(c.secrets, secret)
	return c, nil
}

func invalidClient(description string, header bool) *Problem {
	return &Problem{Status: http.StatusUnauthorized, Code: codeInvalidClient, Description: description, Challenge: header}
}

// authenticate returns the client behind the request, which read looks up. Unknown,
// disabled and unproven clients get the same answer, and are counted alike.
func (p *Provider) authenticate(ctx context.Context, r *Request, read func(context.Context, string) (storage.Client, error)) (storage.Client, error) {
	creds := r.client
	if creds.id == "" {
		if p.cfg.DefaultClient == "" {
			return storage.Client{}, invalidClient("Name the client by client_id or by the Authorization header.", creds.header)
		}
		creds.id = p.cfg.DefaultClient
	}
	failed := invalidClient("Client authentication failed: unknown client, wrong secret, or a public client that sent one.", creds.header)
	client, err := named(ctx, creds.id, read)
	if err == nil && p.cfg.Store.Path() == "" && !p.provesAtOnce(client, creds.secrets) {
		// A database server may have a newer one that this node has not heard of: the
		// secret of a moment ago, say.
		client, err = p.cfg.Store.Client(ctx, creds.id)
	}
	known := !errors.Is(err, storage.ErrNotFound)
	if known && err != nil {
		return storage.Client{}, err
	}
	from := network(r.From)
	var proven, counted bool
	switch {
	case !known:
	case client.Public:
		proven = len(creds.secrets) == 0
	default:
		if proven, counted, err = p.prove(ctx, client, creds.secrets, from); err != nil {
			audit.Of(ctx).Event, audit.Of(ctx).Client = audit.ClientAuth, client.ID
			return storage.Client{}, err
		}
	}
	record := audit.Of(ctx)
	record.Client = client.ID
	if proven && !client.Disabled {
		return client, nil
	}
	record.Event = audit.ClientAuth
	switch {
	case !known:
		record.Reason = "unknown client"
	case client.Disabled:
		record.Reason = "disabled client"
	case client.Public:
		record.Reason = "public client sent a secret"
	default:
		record.Reason = "wrong secret"
	}
	// Without a secret nothing was guessed: it is an app whose client is gone, and all
	// its users. Counting it would keep those out who have a secret to prove.
	if !counted && len(creds.secrets) > 0 {
		if err := p.chargeClient(ctx, creds.id, from); err != nil {
			return storage.Client{}, err
		}
	}
	return storage.Client{}, failed
}

// provesAtOnce reports whether the client may go on by what is in memory alone.
func (p *Provider) provesAtOnce(client storage.Client, secrets []string) bool {
	if client.Disabled || client.Public {
		return !client.Disabled && len(secrets) == 0
	}
	return slices.ContainsFunc(p.liveHashes(client), func(hash string) bool {
		return slices.ContainsFunc(secrets, func(secret string) bool {
			ok, _ := p.secrets.Known(hash, secret)
			return ok
		})
	})
}

// named is read for what can be a client's id. Whatever else was sent is no client,
// and no question for a database: PostgreSQL takes no text that is not UTF-8 or has
// a NUL.
func named(ctx context.Context, id string, read func(context.Context, string) (storage.Client, error)) (storage.Client, error) {
	if credentials.ClientID(id) != nil {
		return storage.Client{}, storage.ErrNotFound
	}
	return read(ctx, id)
}

// prove tells whether one of the readings of the sent secret is the client's, and
// whether the try was counted as a failure. A secret that was generated needs no
// count before it is looked at, for nobody guesses one; that of a client that
// somebody brought does, but for the first time in this process alone. So the
// requests of machines cost no write, nor a look at the counters.
func (p *Provider) prove(ctx context.Context, client storage.Client, secrets []string, from string) (proven, counted bool, err error) {
	hashes := p.liveHashes(client)
	var guessable bool
	for _, secret := range secrets {
		for _, hash := range hashes {
			ok, brought := p.secrets.Known(hash, secret)
			if ok && brought {
				// Or a guess that is refused would still tell whether it is right.
				err = p.throttle.clients.check(client.ID, from, p.cfg.Now())
			}
			if ok {
				return err == nil, false, p.throttled(ctx, err)
			}
			guessable = guessable || brought
		}
	}
	if !guessable {
		return false, false, nil
	}
	// Many that send the same at once, as after a restart, are one try.
	same := p.throttle.mac("secret", client.ID+" "+from, strings.Join(append(hashes, secrets...), "\x00"))
	outcome := p.throttle.clients.same.DoChan(same, func() (any, error) {
		return p.guessSecret(context.WithoutCancel(ctx), client, hashes, secrets, from)
	})
	select {
	case <-ctx.Done():
		return false, true, ctx.Err()
	case o := <-outcome:
		return o.Err == nil && o.Val.(bool), true, o.Err
	}
}

// guessSecret checks a secret that somebody brought, after counting it as a failure.
func (p *Provider) guessSecret(ctx context.Context, client storage.Client, hashes, secrets []string, from string) (bool, error) {
	if err := p.cfg.Pool.Admits(); err != nil {
		return false, p.overloaded(err)
	}
	if err := p.chargeClient(ctx, client.ID, from); err != nil {
		return false, err
	}
	ok, err := p.checkSecrets(ctx, hashes, secrets)
	if ok && !client.Disabled || errors.Is(err, credentials.ErrBusy) {
		err = errors.Join(err, p.cfg.Store.RefundClient(ctx, client.ID, from))
	}
	return ok, p.overloaded(err)
}

// liveHashes are those of the client's secret, and of the one before while it works.
func (p *Provider) liveHashes(client storage.Client) []string {
	hashes := []string{client.SecretHash}
	if p.cfg.Now().Before(client.OldSecretUntil) {
		hashes = append(hashes, client.OldSecretHash)
	}
	return slices.DeleteFunc(hashes, func(h string) bool { return h == "" })
}

// checkSecrets tries the readings of the sent secret on hashes.
func (p *Provider) checkSecrets(ctx context.Context, hashes, secrets []string) (bool, error) {
	for _, secret := range secrets {
		for _, hash := range hashes {
			if ok, err := p.secrets.Check(ctx, hash, secret); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}
