package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServeOverTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t, time.Now().Add(time.Hour))
	s := startServer(t, "serve", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatalf("got the base URL %s, want https", s.URL)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	t.Cleanup(client.CloseIdleConnections)
	res, err := client.Get(s.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.ProtoMajor != 2 {
		t.Errorf("got %s %s, want 200 over HTTP/2", res.Proto, res.Status)
	}
	s.usher("healthcheck", "--addr", strings.TrimPrefix(s.URL, "https://"), "--tls-cert", cert)
	if got := s.ask("", "healthcheck", "--addr", strings.TrimPrefix(s.URL, "https://")); got.status != 1 || !strings.Contains(got.stderr, "for https give --tls-cert") {
		t.Errorf("healthcheck over http: got exit status %d and %q", got.status, got.stderr)
	}
}

// A renewed certificate is taken up at SIGHUP; one that can't be read changes nothing.
func TestServeReadsARenewedCertificate(t *testing.T) {
	t.Parallel()
	cert, key, old := certificate(t, time.Now().Add(time.Hour))
	s := startServer(t, "serve", "--tls-cert", cert, "--tls-key", key)
	trusts := func(pool *x509.CertPool) bool {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), &tls.Config{RootCAs: pool})
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	if err := os.WriteFile(cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGHUP)
	eventually(t, "the fault is told", func() (bool, string) {
		return strings.Contains(s.Logs(), "reloading did not work"), s.Logs()
	})
	if !trusts(old) {
		t.Error("the old certificate is gone")
	}
	newCert, newKey, renewed := certificate(t, time.Now().Add(time.Hour))
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	s.Signal(syscall.SIGHUP)
	eventually(t, "the renewed certificate is served", func() (bool, string) { return trusts(renewed), s.Logs() })
}

// certificate makes a certificate for 127.0.0.1 that is good until end.
func certificate(t *testing.T, end time.Time) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     end,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8), pool
}
