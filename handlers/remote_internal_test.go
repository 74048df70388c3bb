package handlers

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func FuzzForwardedFor(f *testing.F) {
	for _, header := range []string{
		"", "198.51.100.7", "1.2.3.4, 198.51.100.7, 10.0.0.2", "unknown, 10.0.0.2", "198.51.100.7:5000", "[2001:db8::7]:5000",
		"::ffff:198.51.100.7", "fe80::1%eth0", "10.0.0.3,10.0.0.2", ",,", " , 10.0.0.2 ,", "for=192.0.2.60;proto=http", "0x7f.1, 10.0.0.2",
		"10.0.0.2\x00, 198.51.100.7", "010.000.000.001",
	} {
		f.Add("10.0.0.1:4000", header, "1.2.3.4")
		f.Add("198.51.100.7:4000", header, "")
	}
	s := &server{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	client := func(peer, header string) netip.Addr {
		return s.client(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {header}}})
	}
	f.Fuzz(func(t *testing.T, peer, header, forged string) {
		got := client(peer, header)
		if got.Is4In6() || got.Zone() != "" {
			t.Errorf("got %v, which is one of several ways to write it", got)
		}
		direct := client(peer, "")
		if !s.trusts(direct) && got != direct {
			t.Errorf("got %v, which a peer that is not trusted (%v) made up", got, direct)
		}
		hops := strings.Split(header, ",")
		named := slices.ContainsFunc(hops, func(hop string) bool {
			addr, ok := parseHop(strings.TrimSpace(hop))
			return ok && addr == got
		})
		if got != direct && !named {
			t.Errorf("got %v, which neither the peer nor any hop is", got)
		}
		// Where the reading ended at somebody who is no proxy of ours, nothing that
		// stands further left can change it.
		if !s.trusts(got) {
			if again := client(peer, forged+","+header); again != got {
				t.Errorf("got %v with %q written before, want %v", again, forged, got)
			}
		}
		lines := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": hops}}
		if again := s.client(lines); again != got {
			t.Errorf("got %v from a line for each hop, want %v", again, got)
		}
	})
}
