// Command oapi-codegen tells the story with the client that oapi-codegen makes of
// docs/openapi.yaml, in usher.gen.go beside it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
)

func main() {
	log.SetFlags(log.Lshortfile)
	var given struct{ URL, Username, Password, Machine, Secret string }
	must(json.Unmarshal([]byte(os.Args[1]), &given))
	ctx := context.Background()
	usher, err := NewClientWithResponses(given.URL)
	must(err)

	web, scope := "web", "profile"
	login, err := usher.RequestTokenWithFormdataBodyWithResponse(ctx, TokenRequest{
		GrantType: Password, ClientId: &web, Username: &given.Username, Password: &given.Password, Scope: &scope,
	})
	must(err)
	fresh, err := usher.RequestTokenWithFormdataBodyWithResponse(ctx, TokenRequest{
		GrantType: RefreshToken, ClientId: &web, RefreshToken: login.JSON200.RefreshToken,
	})
	must(err)

	bearer := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+fresh.JSON200.AccessToken)
		return nil
	}
	me, err := usher.GetMeWithResponse(ctx, bearer)
	must(err)
	_, err = usher.RevokeTokenWithFormdataBodyWithResponse(ctx, RevocationRequest{ClientId: &web, Token: *fresh.JSON200.RefreshToken})
	must(err)
	refused, err := usher.GetMeWithResponse(ctx, bearer)
	must(err)

	guess := "a guess"
	wrong, err := usher.RequestTokenWithFormdataBodyWithResponse(ctx, TokenRequest{
		GrantType: Password, ClientId: &web, Username: &given.Username, Password: &guess,
	})
	must(err)
	jobs := "jobs"
	own, err := usher.RequestTokenWithFormdataBodyWithResponse(ctx, TokenRequest{
		GrantType: ClientCredentials, ClientId: &given.Machine, ClientSecret: &given.Secret, Scope: &jobs,
	})
	must(err)

	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"scope":             login.JSON200.Scope,
		"seconds":           login.JSON200.ExpiresIn,
		"refreshed":         fresh.JSON200.AccessToken != login.JSON200.AccessToken && *fresh.JSON200.RefreshToken != *login.JSON200.RefreshToken,
		"username":          me.JSON200.Username,
		"revoked":           fresh.JSON200.AccessToken,
		"refused":           refused.StatusCode(),
		"error":             wrong.JSON400.Error,
		"error_description": wrong.JSON400.ErrorDescription,
		"machine":           own.JSON200.Scope,
	}))
}

func must(err error) {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
}
