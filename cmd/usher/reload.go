package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/usher-oauth/usher/admin"
)

// keyPair is what TLS is served with, until it is read anew.
type keyPair struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
}

// read reads the files. Where that fails the certificate of before stays.
func (c *keyPair) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate of --tls-cert and --tls-key: %w", err)
	}
	c.now.Store(&pair)
	return nil
}

// config serves whatever the certificate is when a client comes.
func (c *keyPair) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
	}
}

// loadTLS reads the certificate, if there is one.
func (s *settings) loadTLS() (*keyPair, error) {
	switch {
	case s.TLSCert == "" && s.TLSKey == "":
		return nil, nil
	case s.TLSKey == "":
		return nil, usagef("--tls-cert needs --tls-key beside it")
	case s.TLSCert == "":
		return nil, usagef("--tls-key needs --tls-cert beside it")
	}
	c := &keyPair{certFile: s.TLSCert, keyFile: s.TLSKey}
	return c, c.read()
}

// rereadMaster reads the master key file again. Where that can't be done, or the signing
// keys can't be read with what it holds now, the master key of before stays.
func (s *server) rereadMaster(ctx context.Context) error {
	master, err := s.loadMaster(ctx)
	if err != nil {
		return err
	}
	opened := &admin.Keys{Store: s.store, Master: master}
	if _, _, err := opened.Ring(ctx); err != nil {
		return otherMaster(err)
	}
	s.keys.Store(opened)
	if p := s.provider.Load(); p != nil {
		p.UseMaster(master)
	}
	return nil
}

// reload opens the audit log anew and reads the certificate and the master key file
// again at each signal, for they may have been moved away, renewed, and rotated.
func (s *server) reload(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		s.notify(ctx, daemon.SdNotifyReloading)
		err := s.audit.Reopen()
		if s.tls != nil {
			err = errors.Join(err, s.tls.read())
		}
		err = errors.Join(err, s.rereadMaster(ctx))
		s.notify(ctx, daemon.SdNotifyReady)
		if err != nil {
			s.log.ErrorContext(ctx, "reloading did not work; what was there before stays", "err", err)
			continue
		}
		s.log.InfoContext(ctx, "reloaded the master key, and the audit log and the certificate where there are any", "master_key", s.keys.Load().Master.ID())
	}
}
