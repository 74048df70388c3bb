package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/audit"
	"github.com/usher-oauth/usher/credentials"
	"github.com/usher-oauth/usher/handlers"
	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/provider"
	"github.com/usher-oauth/usher/storage"
)

// serve is `usher serve`.
type serve struct {
	databaseFlag
	DefaultClient string `placeholder:"ID" help:"Public client of token requests that name none (default: none)."`
	settings
}

func (c *serve) Run(ctx context.Context, w world) (err error) {
	s, err := c.settings.open(ctx, w, c.databaseFlag, c.DefaultClient)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.run(ctx, func() error { return nil })
}

// server is one that is built from the bottom up to where it could answer.
type server struct {
	*settings
	parsed
	database      databaseFlag
	defaultClient string
	docsNote      string
	audit         *audit.Log
	log           *slog.Logger
	announce      *slog.Logger // of the line that others wait for: no log level hides it

	// The sockets come first: only they know the port that :0 picked, which the
	// default issuer names.
	public, operators net.Listener // operators is nil where the admin address is off
	url               string       // where public is reached from this machine
	issuer            string

	store    *storage.Store
	keys     atomic.Pointer[admin.Keys] // with the master key, which may be read again
	provider atomic.Pointer[provider.Provider]
	pool     *credentials.Pool

	trace      tracers
	processors processors

	draining atomic.Bool // it is about to stop, and says that it is not ready
}

// open checks the settings, listens, and opens what the server stands on. The
// caller closes the server.
func (s *settings) open(ctx context.Context, w world, database databaseFlag, defaultClient string) (*server, error) {
	p, err := s.parse(database)
	if err != nil {
		return nil, err
	}
	srv := &server{
		settings: s, parsed: p, database: database, defaultClient: defaultClient,
		audit: w.audit, log: s.logger(w, s.LogLevel), announce: s.logger(w, "info"),
	}
	for _, step := range []func(context.Context) error{srv.listen, srv.openTracing, srv.openStore, srv.openKeys} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, srv.close())
		}
	}
	srv.pool = credentials.NewPool(credentials.PoolConfig{Cost: s.BcryptCost, Begins: srv.processors.hashing, Trace: srv.trace.parts})
	if runtime.GOOS == "linux" {
		srv.processors.spare = srv.pool.Workers()
	}
	return srv, nil
}

func (s *server) listen(ctx context.Context) (err error) {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	sockets, err := inheritedSockets()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sockets.close()) }()
	if s.public, err = sockets.or(ctx, publicSocket, "--addr", s.Addr, ""); err != nil {
		return err
	}
	if s.url, err = baseURL(scheme, s.Addr, s.public.Addr()); err != nil {
		return err
	}
	if s.AdminAddr != "" {
		s.operators, err = sockets.or(ctx, adminSocket, "--admin-addr", s.AdminAddr, ", or an empty one to do without")
	}
	if err != nil {
		return err
	}
	if s.Issuer != nil {
		s.issuer = *s.Issuer
		return nil
	}
	// --addr may name any host; the issuer it makes has to obey the rules too.
	s.issuer = s.url
	return checkIssuer(s.issuer, s.AllowHTTP)
}

func (s *server) openStore(ctx context.Context) (err error) {
	s.database.asIs, s.database.trace = s.NoMigrate, s.trace.statement
	s.store, err = s.database.open(ctx, true)
	return err
}

func (s *server) openKeys(ctx context.Context) error {
	master, err := s.loadMaster(ctx)
	if err != nil {
		return err
	}
	// Before the keys: how long they stay depends on it.
	if _, err := s.store.RaiseAccessTokenTTL(ctx, s.AccessTokenTTL); err != nil {
		return fmt.Errorf("recording the access token lifetime: %w", err)
	}
	s.keys.Store(&admin.Keys{Store: s.store, Master: master})
	changed, err := s.keys.Load().Ensure(ctx, s.SigningAlg)
	if err == nil && changed != "" {
		s.log.InfoContext(ctx, "signing keys", "note", changed)
		s.audit.Write(time.Now(), &audit.Record{Event: "key.ensure", Outcome: audit.OK, Actor: "serve", Object: changed})
	}
	return otherMaster(err)
}

// build makes the provider and, on top of it, the handlers.
func (s *server) build(ctx context.Context) (*provider.Provider, *handlers.Handlers, error) {
	audience := s.issuer
	if s.DefaultAudience != nil {
		audience = *s.DefaultAudience
	}
	p, err := provider.New(ctx, provider.Config{
		Issuer:          s.issuer,
		DefaultAudience: audience,
		DefaultClient:   s.defaultClient,
		AccessTokenTTL:  s.AccessTokenTTL,
		RefreshTokenTTL: s.RefreshTokenTTL,
		RefreshGrace:    s.RefreshGrace,
		Store:           s.store,
		Master:          s.keys.Load().Master,
		LoadKeys:        s.ring,
		Pool:            s.pool,
		Log:             s.log,
		Trace:           s.trace.parts,
	})
	if err != nil {
		return nil, nil, err
	}
	s.provider.Store(p)
	h, err := handlers.New(handlers.Config{
		Provider:        p,
		Issuer:          s.issuer,
		DefaultAudience: audience,
		CORSOrigins:     s.CORSOrigins,
		TrustedProxies:  s.proxies,
		Ready: func(ctx context.Context) error {
			if s.draining.Load() {
				return errors.New("stopping")
			}
			return p.Ready(ctx)
		},
		Hashing: s.pool.Stats,

		Administration: s.administration(p),

		DocsNote: s.docsNote,
		Audit:    s.audit,
		Version:  readBuildInfo().Version,
		Trace:    s.trace.requests,
		Log:      s.log,
	})
	return p, h, err
}

func (s *server) loadMaster(ctx context.Context) (*keys.Master, error) {
	return s.load(ctx, s.store, func(l slog.Level, text string) {
		s.log.Log(ctx, l, "master key", "note", text)
	})
}

// ring reads the signing keys. The master key file may have a new first line
// since the server started, and the command line may have sealed a key under it:
// then the file is read again. The provider makes one call at a time.
func (s *server) ring(ctx context.Context) (*keys.Ring, int64, error) {
	ring, version, err := s.keys.Load().Ring(ctx)
	if !errors.Is(err, keys.ErrOtherMaster) {
		return ring, version, err
	}
	if again := s.rereadMaster(ctx); again != nil {
		return nil, 0, errors.Join(err, again)
	}
	return s.keys.Load().Ring(ctx)
}

// run answers requests until ctx ends, and returns once none is in flight. It
// calls started when it does.
func (s *server) run(ctx context.Context, started func() error) error {
	defer runtime.KeepAlive(newUnusedHeap())
	p, h, err := s.build(ctx)
	if err != nil {
		return err
	}
	if err := s.report(ctx); err != nil {
		return err
	}
	public, operators := handlers.Server(s.Addr, h.Public, s.log), handlers.Server(s.AdminAddr, h.Admin, s.log)
	if s.tls != nil {
		public.TLSConfig = s.tls.config()
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	g, ctx := errgroup.WithContext(ctx)
	s.public = handlers.Limit(public, s.public, s.connections(ctx))
	g.Go(func() error { return answer(public, s.public) })
	if s.operators != nil {
		g.Go(func() error { return answer(operators, s.operators) })
	}
	g.Go(func() error { p.Run(ctx); return nil })
	g.Go(func() error { s.reload(ctx, reload); return nil })
	g.Go(func() error {
		s.processors.run(ctx, func() bool { now := s.pool.Stats(); return now.Running+now.Waiting == 0 })
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		// The order matters: first tell load balancers, then let requests finish,
		// and only then take away the address where operators watch.
		s.draining.Store(true)
		s.notify(ctx, daemon.SdNotifyStopping)
		s.log.InfoContext(ctx, "stopping: requests in flight may finish", "at_most", s.ShutdownTimeout.String())
		return errors.Join(drain(public, s.ShutdownTimeout), operators.Close())
	})
	g.Go(func() error {
		s.announce.InfoContext(ctx, "listening", "url", s.url)
		s.notify(ctx, daemon.SdNotifyReady)
		return started()
	})
	if err := g.Wait(); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "stopped")
	return nil
}

// close takes down what open built, in the opposite order.
func (s *server) close() error {
	var errs []error
	if s.pool != nil {
		s.pool.Close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.trace.stop != nil {
		errs = append(errs, s.trace.stop())
	}
	for _, l := range []net.Listener{s.operators, s.public} {
		if l == nil {
			continue
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
