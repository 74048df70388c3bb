package adminclient

import (
	"context"
	"net/http"
	"net/url"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/keys"
)

// Keys is [admin.Keys] at a server.
type Keys struct{ *Client }

const keysPath = "/admin/keys"

func keyOf(k adminapi.Key) admin.KeyStatus {
	return admin.KeyStatus{
		ID: k.ID, Algorithm: k.Algorithm, ForAudiences: k.ForAudiences, State: k.State,
		CreatedAt: k.CreatedAt.Time, SignsFrom: k.SignsFrom.Time, PublishedUntil: k.PublishedUntil.Time,
	}
}

// List is [admin.Keys.List].
func (k Keys) List(ctx context.Context) ([]admin.KeyStatus, error) {
	var found adminapi.Keys
	if err := k.call(ctx, http.MethodGet, keysPath, nil, &found); err != nil {
		return nil, err
	}
	list := make([]admin.KeyStatus, len(found.Keys))
	for i, key := range found.Keys {
		list[i] = keyOf(key)
	}
	return list, nil
}

// Rotate is [admin.Keys.Rotate].
func (k Keys) Rotate(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error) {
	return k.rotate(ctx, adminapi.Rotation{Algorithm: alg})
}

// RotateNow is [admin.Keys.RotateNow]. The token that asks for it is void then.
func (k Keys) RotateNow(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error) {
	return k.rotate(ctx, adminapi.Rotation{Algorithm: alg, Now: true})
}

// RotateForAudiences is [admin.Keys.RotateForAudiences].
func (k Keys) RotateForAudiences(ctx context.Context, alg keys.Algorithm) (admin.KeyStatus, error) {
	return k.rotate(ctx, adminapi.Rotation{Algorithm: alg, ForAudiences: true})
}

func (k Keys) rotate(ctx context.Context, r adminapi.Rotation) (admin.KeyStatus, error) {
	var made adminapi.Key
	err := k.call(ctx, http.MethodPost, keysPath, r, &made)
	return keyOf(made), err
}

// Retire is [admin.Keys.Retire].
func (k Keys) Retire(ctx context.Context, id string) error {
	return k.call(ctx, http.MethodDelete, keysPath+"/"+url.PathEscape(id), nil, nil)
}
