package main

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestCheckIssuer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		issuer           string
		allowHTTP, fault bool
		usage            bool
	}{
		{issuer: "https://auth.example.com"},
		{issuer: "https://auth.example.com:8443/tenant/a"},
		{issuer: "http://127.0.0.1:8000"},
		{issuer: "http://[::1]:8000"},
		{issuer: "http://localhost:8000"},
		{issuer: "http://usher.localhost"},
		{issuer: "http://auth.example.com", allowHTTP: true},

		{issuer: "http://auth.example.com", fault: true},
		{issuer: "http://10.0.0.1", fault: true},
		{issuer: "http://localhost.example.com", fault: true},
		{issuer: "http://127.0.0.1.example.com", fault: true},
		{issuer: "https://auth.example.com/", fault: true},
		{issuer: "https://auth.example.com/a/../b", fault: true},
		{issuer: "https://auth.example.com//a", fault: true},
		{issuer: "https://auth.example.com?a=b", fault: true}, // RFC 8414, section 2
		{issuer: "https://auth.example.com#a", fault: true},
		{issuer: "https://auth.example.com?", fault: true},
		{issuer: "https://ann:secret@auth.example.com", fault: true},

		{issuer: "", fault: true, usage: true},
		{issuer: "auth.example.com", fault: true, usage: true},
		{issuer: "https://", fault: true, usage: true},
		{issuer: "https://:8000", fault: true, usage: true},
		{issuer: "ftp://auth.example.com", fault: true, usage: true},
		{issuer: "https://auth example.com", fault: true, usage: true},
	} {
		err := checkIssuer(tt.issuer, tt.allowHTTP)
		if got := err != nil; got != tt.fault {
			t.Errorf("%q: got %v, want an error: %t", tt.issuer, err, tt.fault)
		}
		var usage usageError
		if got := errors.As(err, &usage); got != tt.usage {
			t.Errorf("%q: got %v, want wrong usage: %t", tt.issuer, err, tt.usage)
		}
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ scheme, addr, bound, want string }{
		{"http", "127.0.0.1:8000", "127.0.0.1:8000", "http://127.0.0.1:8000"},
		{"http", "127.0.0.1:0", "127.0.0.1:41234", "http://127.0.0.1:41234"},
		{"https", "localhost:8443", "127.0.0.1:8443", "https://localhost:8443"},
		{"http", ":0", "[::]:41234", "http://127.0.0.1:41234"},
		{"http", "0.0.0.0:8000", "0.0.0.0:8000", "http://127.0.0.1:8000"},
		{"http", "[::]:8000", "[::]:8000", "http://[::1]:8000"},
		{"http", "[::1]:0", "[::1]:41234", "http://[::1]:41234"},
	} {
		bound := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tt.bound))
		got, err := baseURL(tt.scheme, tt.addr, bound)
		if err != nil || got != tt.want {
			t.Errorf("%s listening at %s: got %q, %v, want %q", tt.addr, tt.bound, got, err, tt.want)
		}
	}
}
