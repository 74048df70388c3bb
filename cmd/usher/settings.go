package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/keys"
)

// settings are the flags that serve and demo share.
type settings struct {
	Addr      string `default:"127.0.0.1:8000" placeholder:"HOST:PORT" help:"Address to listen on; port 0 picks a free one (default: ${default})."`
	AdminAddr string `default:"127.0.0.1:8001" placeholder:"HOST:PORT" help:"Address for metrics, health and profiles, not for the public; empty turns it off (default: ${default})."`

	Issuer          *string `placeholder:"URL" help:"Name of this server in every token: the URL clients reach it by (default: the address listened on)."`
	AllowHTTP       bool    `help:"Allow an issuer that is neither https nor on this machine."`
	DefaultAudience *string `placeholder:"URI" help:"Audience of tokens that were asked for without one (default: the issuer)."`

	NoMigrate bool `help:"Leave the schema of the database as it is; usher migrate brings it up to date."`
	masterFlag
	SigningAlg keys.Algorithm `enum:"ES256,RS256,EdDSA" default:"ES256" placeholder:"ALG" help:"Algorithm that signs: ES256, RS256 or EdDSA; another one than before is announced first (default: ${default})."`

	AccessTokenTTL  time.Duration `default:"30m" placeholder:"DURATION" help:"Life of an access token (default: ${default})."`
	RefreshTokenTTL time.Duration `default:"720h" placeholder:"DURATION" help:"Life of a session, counted from the login (default: ${default})."`
	RefreshGrace    time.Duration `default:"10s" placeholder:"DURATION" help:"How long a used refresh token may be tried again, for answers that got lost; 0s for never (default: ${default})."`
	costFlag

	CORSOrigins    list   `placeholder:"LIST" help:"Origins whose pages may call, such as https://app.example.com, or * for all (default: none)."`
	TrustedProxies list   `placeholder:"LIST" help:"Networks whose X-Forwarded-For is believed, such as 10.0.0.0/8 (default: none)."`
	TLSCert        string `placeholder:"FILE" help:"Certificate chain in PEM; with --tls-key, https is served."`
	TLSKey         string `placeholder:"FILE" help:"Private key of the certificate in PEM."`

	MaxConnections int `default:"10000" placeholder:"N" help:"Connections at --addr at a time; fewer where the system does not allow so many open files (default: ${default})."`

	LogFormat       string        `enum:"text,json" default:"text" placeholder:"FORMAT" help:"text or json (default: ${default})."`
	LogLevel        string        `enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"Least level to log: debug, info, warn or error (default: ${default})."`
	ShutdownTimeout time.Duration `default:"15s" placeholder:"DURATION" help:"How long requests in flight may take to finish when the server stops (default: ${default})."`
}

// parsed is what the settings say, once they are known to make sense.
type parsed struct {
	proxies []netip.Prefix
	tls     *keyPair // nil: plain HTTP
}

// parse checks all settings and reports all faults together, so that nobody has
// to start a server five times to find five of them.
func (s *settings) parse(database databaseFlag) (parsed, error) {
	var p parsed
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	fault(checkAddr("--addr", s.Addr))
	if s.AdminAddr != "" {
		fault(checkAddr("--admin-addr", s.AdminAddr))
	}
	if s.Issuer != nil {
		fault(checkIssuer(*s.Issuer, s.AllowHTTP))
	}
	if s.DefaultAudience != nil && *s.DefaultAudience == "" {
		fault(usagef("--default-audience is empty: name one, or leave it out for the issuer"))
	}
	fault(checkDatabase(database.Database))
	fault(s.costFlag.check())
	s.checkLives(fault)
	if s.MaxConnections < 1 {
		fault(fmt.Errorf("--max-connections %d: choose at least 1", s.MaxConnections))
	}

	for _, word := range s.TrustedProxies {
		network, err := netip.ParsePrefix(word)
		if err != nil {
			fault(usagef("--trusted-proxies %q: write a network as ADDRESS/BITS, such as 10.0.0.0/8 or 192.0.2.7/32", word))
			continue
		}
		p.proxies = append(p.proxies, network)
	}
	for _, origin := range s.CORSOrigins {
		if !handlers.IsOrigin(origin) {
			fault(usagef("--cors-origins %q: write an origin as https://HOST or https://HOST:PORT, without a slash at the end, or * for all", origin))
		}
	}
	var err error
	p.tls, err = s.loadTLS()
	fault(err)
	return p, errors.Join(faults...)
}

func (s *settings) checkLives(fault func(error)) {
	// A JWT knows no fractions of a second, as we write it.
	if s.AccessTokenTTL < time.Second || s.AccessTokenTTL%time.Second != 0 {
		fault(fmt.Errorf("--access-token-ttl %s: choose whole seconds, at least 1s", s.AccessTokenTTL))
	}
	if s.RefreshTokenTTL < time.Second {
		fault(fmt.Errorf("--refresh-token-ttl %s: choose at least 1s", s.RefreshTokenTTL))
	}
	if s.RefreshGrace < 0 {
		fault(fmt.Errorf("--refresh-grace %s: choose 0s or more", s.RefreshGrace))
	}
	if s.ShutdownTimeout < 0 {
		fault(fmt.Errorf("--shutdown-timeout %s: choose 0s or more", s.ShutdownTimeout))
	}
}

// checkAddr tells whether an address can be listened on, as far as its form goes.
func checkAddr(flag, addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return usagef("%s %q: write it as HOST:PORT, such as 127.0.0.1:8000 or :8000", flag, addr)
	} else if _, err := new(net.Resolver).LookupPort(context.Background(), "tcp", port); err != nil {
		return usagef("%s %q: there is no port %s", flag, addr, port)
	}
	return nil
}

// logger returns a logger of the format the settings ask for, which writes what
// is of that level at least to standard error.
func (s *settings) logger(w world, least string) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(least)); err != nil {
		level = slog.LevelInfo // not reached: kong admits only names of levels
	}
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w.stderr, options))
	}
	return slog.New(slog.NewTextHandler(w.stderr, options))
}
