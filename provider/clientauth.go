package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
		return clientCredentials{id: id}, nil
	case basic.id == "" && id == "":
		return clientCredentials{}, invalidClient("client_secret came without client_id.", false)
	case basic.id == "":
		return clientCredentials{id: id, secrets: []string{secret}}, nil
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
		return clientCredentials{}, nil
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

// authenticate returns the client behind the request. Unknown, disabled and
// unproven clients get the same answer.
func (p *Provider) authenticate(ctx context.Context, r *Request) (storage.Client, error) {
	creds := r.client
	if creds.id == "" {
		if p.cfg.DefaultClient == "" {
			return storage.Client{}, invalidClient("Name the client by client_id or by the Authorization header.", creds.header)
		}
		creds.id = p.cfg.DefaultClient
	}
	failed := invalidClient("Client authentication failed: unknown client, wrong secret, or a public client that sent one.", creds.header)
	client, err := p.cfg.Store.Client(ctx, creds.id)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Client{}, failed
	}
	if err != nil {
		return storage.Client{}, err
	}
	proven := client.Public && len(creds.secrets) == 0
	if !client.Public {
		proven, err = p.checkSecrets(ctx, client, creds.secrets)
		if err != nil {
			return storage.Client{}, p.overloaded(err)
		}
	}
	if !proven || client.Disabled {
		return storage.Client{}, failed
	}
	return client, nil
}

// checkSecrets tries the readings of the sent secret on the client's live hashes.
func (p *Provider) checkSecrets(ctx context.Context, client storage.Client, secrets []string) (bool, error) {
	hashes := []string{client.SecretHash}
	if p.cfg.Now().Before(client.OldSecretUntil) {
		hashes = append(hashes, client.OldSecretHash)
	}
	hashes = slices.DeleteFunc(hashes, func(h string) bool { return h == "" })
	for _, secret := range secrets {
		for _, hash := range hashes {
			if ok, err := p.secrets.Check(ctx, hash, secret); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}
