package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/resource"
)

// strictVerifier keeps a key set for as long as Cache-Control says, and fetches none
// before, not even for a key that it does not know.
type strictVerifier struct {
	url     string
	set     *keys.Set
	until   time.Time
	fetched int
}

func (v *strictVerifier) Verify(ctx context.Context, token string) error {
	if now := time.Now(); v.set == nil || !now.Before(v.until) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if v.set, err = keys.ParseSet(body); err != nil {
			return err
		}
		_, seconds, _ := strings.Cut(res.Header.Get("Cache-Control"), "max-age=")
		seconds, _, _ = strings.Cut(seconds, ",")
		age, err := time.ParseDuration(seconds + "s")
		if err != nil {
			return err
		}
		v.until = now.Add(age)
		v.fetched++
	}
	_, err := v.set.Verify(token, "at+jwt")
	return err
}

// One real rotation, of more than six minutes, over three nodes behind a proxy: every
// token is accepted for as long as it lives, by verifiers that cache the key set.
func TestSoakARotationBreaksNoCachingVerifier(t *testing.T) {
	t.Parallel()
	if os.Getenv("USHER_SOAK_ROUNDS") == "" {
		t.Skip("waits until caches of five minutes have ended: runs in a soak")
	}
	const ttl = 30 * time.Second
	at := onPostgres(t, postgrestest.Schema(t))
	furnishDurably(t, at)
	var nodes []*testServer
	var addresses []string
	for range 3 {
		n := startServerAt(t, at, append(durable[:len(durable):len(durable)], "--access-token-ttl", ttl.String(), "--refresh-grace", "5s")...)
		nodes, addresses = append(nodes, n), append(addresses, strings.TrimPrefix(n.URL, "http://"))
	}
	proxy := startHAProxy(t, addresses)
	var job struct {
		Secret string `json:"client_secret"`
	}
	decode(t, nodes[0].usher("client", "add", "job", "--grants", "client_credentials", "--json"), &job)

	const document = "/.well-known/jwks.json"
	verify := make(map[string]func(context.Context, string) error)
	var strict []*strictVerifier
	for _, base := range []string{proxy.URL, nodes[0].URL, nodes[1].URL, nodes[2].URL} {
		v := &strictVerifier{url: base + document}
		strict = append(strict, v)
		verify["strict, at "+base] = v.Verify
	}
	api, err := resource.New(resource.Config{Issuer: "http://localhost", Audience: "http://localhost", JWKSURL: proxy.URL + document})
	if err != nil {
		t.Fatal(err)
	}
	verify["package resource"] = func(ctx context.Context, token string) error {
		_, err := api.Verify(ctx, token)
		return err
	}

	type issued struct {
		token string
		at    time.Time
	}
	var living []issued
	var tokensMade, verified int
	check := func() {
		now := time.Now()
		status, body := proxy.post("/token", "job", job.Secret, url.Values{"grant_type": {"client_credentials"}})
		if status != http.StatusOK {
			t.Fatalf("got %d %s, want a token", status, body)
		}
		var answer tokens
		decode(t, body, &answer)
		living, tokensMade = append(living, issued{answer.AccessToken, now}), tokensMade+1
		for now.Sub(living[0].at) > ttl-2*time.Second { // iat is in whole seconds
			living = living[1:]
		}
		for _, l := range living {
			for name, v := range verify {
				if err := v(t.Context(), l.token); err != nil {
					t.Fatalf("verifier %s refuses a token that lives for %v: %v", name, now.Sub(l.at), err)
				}
				verified++
			}
		}
	}
	check() // all caches are full
	nodes[1].usher("key", "rotate", "--alg", "EdDSA")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	rotated, algorithms := time.Now(), []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA}
	var changed time.Time
	for ; changed.IsZero() || time.Since(changed) < ttl; <-tick.C {
		check()
		signed, err := jwt.ParseSigned(living[len(living)-1].token, algorithms)
		if err != nil {
			t.Fatal(err)
		}
		if changed.IsZero() && signed.Headers[0].Algorithm == string(jose.EdDSA) {
			changed = time.Now()
			if waited := changed.Sub(rotated); waited < keys.Lead-2*time.Second {
				t.Errorf("the new key signs after %v, want %v", waited, keys.Lead)
			}
		}
		if time.Since(rotated) > keys.Lead+time.Minute && changed.IsZero() {
			t.Fatalf("the new key does not sign after %v", time.Since(rotated))
		}
	}
	for _, v := range strict {
		if v.fetched < 2 {
			t.Errorf("%s was fetched %d times, want again after its max-age", v.url, v.fetched)
		}
	}
	t.Logf("%d tokens over a rotation of %v, %d verifications, none refused; the strict verifiers fetched the keys %d, %d, %d and %d times",
		tokensMade, time.Since(rotated).Round(time.Second), verified, strict[0].fetched, strict[1].fetched, strict[2].fetched, strict[3].fetched)
}
