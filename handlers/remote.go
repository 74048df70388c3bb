package handlers

import (
	"net/http"
	"net/netip"
	"strings"
)

// client returns the address a request came from: the peer's, or, where that is
// a trusted proxy, the last hop in X-Forwarded-For that is not one. Whatever
// stands further left was written by that hop, and may be anything. The address
// is invalid where the peer has none, as on a Unix socket.
func (s *server) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(peer.Addr())
	hops := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for hops != "" && s.trusts(addr) {
		last := strings.LastIndexByte(hops, ',')
		hop, ok := parseHop(strings.TrimSpace(hops[last+1:]))
		if !ok {
			break // the proxy that wrote this is the last that is known
		}
		addr, hops = hop, hops[:max(last, 0)]
	}
	return addr
}

func (s *server) trusts(addr netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads an address as proxies write it, some of them with a port.
func parseHop(hop string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(hop); err == nil {
		return plain(addr), true
	}
	if withPort, err := netip.ParseAddrPort(hop); err == nil {
		return plain(withPort.Addr()), true
	}
	return netip.Addr{}, false
}

// plain makes one address of the ways to write it, so that it is found in
// networks and counted once.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
