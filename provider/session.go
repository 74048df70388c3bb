package provider

import (
	"time"

	"github.com/ory/fosite"

	"github.com/usher-oauth/usher/storage"
)

// session is one token request on its way through fosite, which carries it as its
// Session. Expiry times and subjects are not fosite's business here.
type session struct {
	request *Request
	client  storage.Client
	user    storage.User    // of the password and refresh grants
	grant   storage.Grant   // likewise
	charged storage.Charged // of the password grant
	replay  *answer         // the answer to a retried refresh
	known   profiles        // when the request came
	look    look            // of the access token
	answer  Token
}

var _ fosite.Session = (*session)(nil)

// SetExpiresAt does nothing: newAccessToken decides.
func (s *session) SetExpiresAt(fosite.TokenType, time.Time) {}

// GetExpiresAt returns no time; fosite then takes the configured lifetime.
func (s *session) GetExpiresAt(fosite.TokenType) time.Time { return time.Time{} }

// GetUsername returns the user's name, empty for client_credentials.
func (s *session) GetUsername() string { return s.user.Username }

// GetSubject returns the token's sub.
func (s *session) GetSubject() string {
	if s.user.ID != "" {
		return s.user.ID
	}
	return s.client.ID
}

// Clone returns the session itself: a request has one.
func (s *session) Clone() fosite.Session { return s }

// fositeClient shows a client to fosite. Its secret is none of fosite's business.
type fositeClient struct {
	storage.Client
	audiences []string // with the default one, which every client may name
}

var _ fosite.Client = fositeClient{}

func (c fositeClient) GetID() string                      { return c.ID }
func (c fositeClient) GetHashedSecret() []byte            { return nil }
func (c fositeClient) GetRedirectURIs() []string          { return nil }
func (c fositeClient) GetGrantTypes() fosite.Arguments    { return c.Grants }
func (c fositeClient) GetResponseTypes() fosite.Arguments { return nil }
func (c fositeClient) GetScopes() fosite.Arguments        { return c.Scopes }
func (c fositeClient) IsPublic() bool                     { return c.Public }
func (c fositeClient) GetAudience() fosite.Arguments      { return c.audiences }
