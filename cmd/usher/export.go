package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-oauth/usher/admin"
)

// keyExport is `usher key export`.
type keyExport struct {
	Format string `enum:"jwks,pem" default:"jwks" placeholder:"FORMAT" help:"jwks (the document at /.well-known/jwks.json) or pem (default: ${default})."`
	keyFlags
	outputFlag
}

func (c *keyExport) Run(ctx context.Context, w world) error {
	if c.JSON && c.Format != "jwks" {
		return usagef("--json and --format %s exclude each other", c.Format)
	}
	return c.withKeys(ctx, w, false, func(admin *admin.Keys) error {
		ring, _, err := admin.Ring(ctx)
		if err != nil {
			return err
		}
		document := ring.Document(admin.Store.Now()).JSON
		if c.Format == "jwks" {
			return c.print(w, json.RawMessage(document), func() string { return string(document) + "\n" })
		}
		text, err := publicPEM(document)
		if err != nil {
			return err
		}
		_, err = w.stdout.Write(text)
		return err
	})
}

// publicPEM writes the keys of a key set as PEM blocks, each under a line that
// names the key: PEM readers skip it, people need it.
func publicPEM(jwks []byte) ([]byte, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("reading the key set: %w", err)
	}
	var b bytes.Buffer
	for _, k := range set.Keys {
		der, err := x509.MarshalPKIXPublicKey(k.Key)
		if err != nil {
			return nil, fmt.Errorf("encoding key %s: %w", k.KeyID, err)
		}
		fmt.Fprintf(&b, "# kid %s, alg %s\n", k.KeyID, k.Algorithm)
		if err := pem.Encode(&b, &pem.Block{Type: "PUBLIC KEY", Bytes: der}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
