package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usher-oauth/usher/keys"
)

const (
	// maxBody is the longest metadata or key set that is read, in bytes.
	maxBody = 1 << 20

	defaultAge = keys.MaxAge // of an answer that does not say
	leastAge   = time.Second // so that "no-cache" is not a fetch for each request
	mostAge    = 24 * time.Hour
)

// answer is what came of a GET.
type answer struct {
	body        []byte
	etag        string
	notModified bool // the resource still has the entity tag that was sent
	maxAge      time.Duration
}

// newClient returns the client to fetch with: the given one, but for redirects,
// which otherwise may lead to another host, or from https to http.
func newClient(given *http.Client) *http.Client {
	if given == nil {
		given = http.DefaultClient
	}
	client := *given
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
			if first := via[0].URL; req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
				return fmt.Errorf("redirect to %s://%s refused", req.URL.Scheme, req.URL.Host)
			}
			if len(via) >= 3 {
				return errors.New("too many redirects")
			}
			return nil
		}
	}
	return &client
}

// get fetches an address, unless what is there still has the entity tag.
func get(ctx context.Context, client *http.Client, address, etag string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err // names method and address itself
	}
	defer resp.Body.Close()
	a := answer{etag: resp.Header.Get("ETag"), maxAge: freshness(resp.Header)}
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		a.notModified = true
		return a, nil
	case resp.StatusCode != http.StatusOK:
		return answer{}, fmt.Errorf("reading %s: status %d", address, resp.StatusCode)
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("reading %s: %w", address, err)
	}
	if len(a.body) > maxBody {
		return answer{}, fmt.Errorf("reading %s: more than %d bytes", address, maxBody)
	}
	return a, nil
}

// freshness returns how long an answer may be used: max-age less the time it
// spent in caches on the way (RFC 9111, section 4.2), within bounds.
func freshness(h http.Header) time.Duration {
	age := defaultAge
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return leastAge
		case "max-age":
			age = seconds(strings.Trim(value, `"`)) - seconds(h.Get("Age"))
		}
	}
	return min(max(age, leastAge), mostAge)
}

// seconds reads a number of seconds, 0 if it is none and mostAge if it is huge.
func seconds(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 31)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return mostAge
	case err != nil:
		return 0
	}
	return time.Duration(n) * time.Second
}
