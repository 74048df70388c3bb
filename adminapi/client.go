package adminapi

import (
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/storage"
)

// Clients is a page of clients.
type Clients struct {
	Clients []Client `json:"clients"`
	Next    string   `json:"next,omitempty"` // after of the next page; none after the last
}

func (a *api) listClients(r *http.Request) (Answer, error) {
	p, err := pageOf(r)
	if err != nil {
		return Answer{}, err
	}
	list, err := a.Clients.Page(r.Context(), p.after, p.limit+1)
	if err != nil {
		return Answer{}, err
	}
	list, next := cut(p, list, func(c storage.Client) string { return c.ID })
	return found(Clients{each(list, func(c storage.Client) Client { return ClientOf(c, "") }), next})
}

// NewClient is the body of POST /admin/clients.
type NewClient struct {
	ID            string   `json:"client_id"`
	Secret        string   `json:"client_secret"` // empty: one is generated for a confidential client
	Name          string   `json:"name"`
	Public        bool     `json:"public"`
	Grants        []string `json:"grants"`
	Scopes        []string `json:"scopes"` // null: profile
	DefaultScopes []string `json:"default_scopes"`
	Audiences     []string `json:"audiences"`
	Introspect    bool     `json:"introspect"`
}

func (a *api) addClient(r *http.Request) (Answer, error) {
	var n NewClient
	if err := decode(r, &n); err != nil {
		return Answer{}, err
	}
	about(r, n.ID+given("public", n.Public)+said("grants", n.Grants)+said("scopes", n.Scopes)+given("introspect", n.Introspect))
	c, secret, err := a.Clients.Add(r.Context(), admin.NewClient{
		ID: n.ID, Name: n.Name, Public: n.Public, Grants: n.Grants, Scopes: n.Scopes,
		DefaultScopes: n.DefaultScopes, Audiences: n.Audiences, Introspect: n.Introspect,
	}, n.Secret)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: http.StatusCreated, Body: ClientOf(c, secret), Location: "/admin/clients/" + url.PathEscape(c.ID)}, nil
}

func (a *api) showClient(r *http.Request) (Answer, error) {
	c, err := a.Clients.Show(r.Context(), r.PathValue("client_id"))
	if err != nil {
		return Answer{}, err
	}
	return found(ClientOf(c, ""))
}

// ClientChange is the body of PATCH /admin/clients/{client_id}. What is null or not
// there stays as it is.
type ClientChange struct {
	Name          *string  `json:"name"`
	Grants        []string `json:"grants"`
	Scopes        []string `json:"scopes"`
	DefaultScopes []string `json:"default_scopes"`
	Audiences     []string `json:"audiences"`
	Introspect    *bool    `json:"introspect"`
	Disabled      *bool    `json:"disabled"`
}

func (a *api) changeClient(r *http.Request) (Answer, error) {
	about(r, r.PathValue("client_id"))
	var c ClientChange
	if err := decode(r, &c); err != nil {
		return Answer{}, err
	}
	about(r, r.PathValue("client_id")+given("name", c.Name != nil)+said("grants", c.Grants)+said("scopes", c.Scopes)+
		said("default_scopes", c.DefaultScopes)+said("audiences", c.Audiences)+told("introspect", c.Introspect)+told("disabled", c.Disabled))
	client, err := a.Clients.Change(r.Context(), r.PathValue("client_id"), admin.ClientChange(c))
	if err != nil {
		return Answer{}, err
	}
	return found(ClientOf(client, ""))
}

func (a *api) removeClient(r *http.Request) (Answer, error) {
	about(r, r.PathValue("client_id"))
	return done, a.Clients.Remove(r.Context(), r.PathValue("client_id"))
}

// NewSecret is the body of POST /admin/clients/{client_id}/secret.
type NewSecret struct {
	Secret  string `json:"client_secret"` // empty: one is generated
	KeepOld int64  `json:"keep_old"`      // how long the old one is good too, in milliseconds
}

// maxKeepOld is the longest time that a duration can be, in milliseconds.
const maxKeepOld = math.MaxInt64 / int64(time.Millisecond)

func (a *api) rotateSecret(r *http.Request) (Answer, error) {
	id := r.PathValue("client_id")
	about(r, id)
	var n NewSecret
	if err := decode(r, &n); err != nil {
		return Answer{}, err
	}
	if n.KeepOld > maxKeepOld || n.KeepOld < -maxKeepOld {
		return Answer{}, invalid("keep_old is longer than can be counted")
	}
	c, secret, err := a.Clients.RotateSecret(r.Context(), id, n.Secret, time.Duration(n.KeepOld)*time.Millisecond)
	if err != nil {
		return Answer{}, err
	}
	return found(ClientOf(c, secret))
}
