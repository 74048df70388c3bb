package audit

import (
	"context"
	"log/slog"
)

// The events of requests. An operator's are the command and what it did, such as
// "user.disable".
const (
	Login          = "login"           // the password grant
	ClientToken    = "client_token"    // the client_credentials grant
	Refresh        = "refresh"         // the refresh_token grant
	Reuse          = "reuse"           // a used refresh token came again and ended its session
	Revocation     = "revocation"      // a token or a session was ended by its client
	PasswordChange = "password_change" // by the user
	ClientAuth     = "client_auth"     // a client could not prove itself; only refusals
)

// Outcomes.
const (
	OK      = "ok"
	Refused = "refused" // by the rules, Reason says which
	Failed  = "failed"  // by a fault of the server or the database
)

// Record is one event. A request has at most one. It never holds a secret: not a
// password, not a token, not a part of either.
type Record struct {
	Event   string `json:"event"`
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`     // why it was refused, also where the answer may not say
	User    string `json:"user,omitempty"`       // user name, of a user that exists: people type passwords where names belong
	Account string `json:"account,omitempty"`    // the user's stable id, or a mark of a name that is no user's
	Client  string `json:"client,omitempty"`     // client id, of a client that exists
	Grant   string `json:"grant,omitempty"`      // the session
	Token   string `json:"token,omitempty"`      // jti of the access token concerned
	Scope   string `json:"scope,omitempty"`      // what was granted
	Actor   string `json:"actor,omitempty"`      // the operator, for changes from the command line
	Object  string `json:"object,omitempty"`     // what an operator changed
	Address string `json:"address,omitempty"`    // of whoever asked
	Request string `json:"request_id,omitempty"` // X-Request-Id
	Trace   string `json:"trace_id,omitempty"`   // of OpenTelemetry, where requests are traced
}

type key struct{}

// With returns a context that carries r, for whoever serves the request to fill in.
func With(ctx context.Context, r *Record) context.Context {
	return context.WithValue(ctx, key{}, r)
}

// Of returns the record of the request that ctx belongs to. Where there is none it
// returns one that nobody reads, so that callers need not ask.
func Of(ctx context.Context) *Record {
	if r, ok := ctx.Value(key{}).(*Record); ok {
		return r
	}
	return new(Record)
}

// Attrs are what the record says that a request's log line does not say anyway.
func (r *Record) Attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	for _, a := range [...]struct{ name, value string }{
		{"event", r.Event}, {"outcome", r.Outcome}, {"reason", r.Reason},
		{"user", r.User}, {"account", r.Account}, {"client", r.Client},
		{"grant", r.Grant}, {"token", r.Token}, {"scope", r.Scope},
		{"actor", r.Actor}, {"object", r.Object}, {"trace_id", r.Trace},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.name, a.value))
		}
	}
	return attrs
}
