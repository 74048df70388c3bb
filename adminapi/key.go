package adminapi

import (
	"net/http"
	"strings"

	"github.com/usher-oauth/usher/keys"
)

// Keys are the signing keys, oldest first.
type Keys struct {
	Keys []Key `json:"keys"`
}

func (a *api) listKeys(r *http.Request) (Answer, error) {
	ks, err := a.Keys(r.Context())
	if err != nil {
		return Answer{}, err
	}
	list, err := ks.List(r.Context())
	if err != nil {
		return Answer{}, err
	}
	return found(Keys{each(list, keyOf)})
}

// Rotation is the body of POST /admin/keys.
type Rotation struct {
	Algorithm    keys.Algorithm `json:"alg"`           // empty: that of the key that signs
	Now          bool           `json:"now"`           // all other keys end at once
	ForAudiences bool           `json:"for_audiences"` // of the line beside the main one
}

func (a *api) rotateKey(r *http.Request) (Answer, error) {
	var n Rotation
	if err := decode(r, &n); err != nil {
		return Answer{}, err
	}
	about(r, strings.TrimSpace(given("now", n.Now)+given("for_audiences", n.ForAudiences)+given("alg="+string(n.Algorithm), n.Algorithm != "")))
	if n.Now && n.ForAudiences {
		return Answer{}, invalid("choose one of now, which replaces all keys, and for_audiences")
	}
	if n.Algorithm != "" {
		if _, err := keys.ParseAlgorithm(string(n.Algorithm)); err != nil {
			return Answer{}, invalid("alg: %v", err)
		}
	}
	ks, err := a.Keys(r.Context())
	if err != nil {
		return Answer{}, err
	}
	rotate := ks.Rotate
	switch {
	case n.Now:
		rotate = ks.RotateNow
	case n.ForAudiences:
		rotate = ks.RotateForAudiences
	}
	made, err := rotate(r.Context(), n.Algorithm)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: http.StatusCreated, Body: keyOf(ks.Status(made)), Location: "/admin/keys/" + made.ID}, nil
}

func (a *api) retireKey(r *http.Request) (Answer, error) {
	about(r, r.PathValue("kid"))
	ks, err := a.Keys(r.Context())
	if err != nil {
		return Answer{}, err
	}
	return done, ks.Retire(r.Context(), r.PathValue("kid"))
}
