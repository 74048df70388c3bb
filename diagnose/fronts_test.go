package diagnose_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A front stands between the clients and the server, as proxies do, and breaks one
// thing.
type front = func(*site, http.Handler) http.Handler

// reply is an answer on its way through a front.
type reply struct {
	status int
	header http.Header
	body   string
}

// altering changes what the server answers at a path, or everywhere for an empty
// one.
func altering(path string, change func(*http.Request, *reply)) front {
	return func(_ *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if path != "" && r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			recorder := httptest.NewRecorder()
			next.ServeHTTP(recorder, r)
			a := reply{recorder.Code, recorder.Header(), recorder.Body.String()}
			change(r, &a)
			maps.Copy(w.Header(), a.header)
			w.WriteHeader(a.status)
			_, _ = w.Write([]byte(a.body))
		})
	}
}

// instead answers a path, or everything beneath it, in the server's place.
func instead(prefix string, status int, body string, header ...string) front {
	return func(_ *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, prefix) {
				next.ServeHTTP(w, r)
				return
			}
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Add(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
}

// without takes a header off the answers at a path.
func without(path, name string) front {
	return altering(path, func(_ *http.Request, a *reply) { a.header.Del(name) })
}

// with puts a header on the answers at a path.
func with(path, name string, values ...string) front {
	return altering(path, func(_ *http.Request, a *reply) { a.header[http.CanonicalHeaderKey(name)] = values })
}

// editing changes the JSON object that is answered at a path.
func editing(path string, change func(object map[string]any)) front {
	return altering(path, func(_ *http.Request, a *reply) {
		var object map[string]any
		if err := json.Unmarshal([]byte(a.body), &object); err != nil {
			panic(err) // what the server answers there is one
		}
		change(object)
		b, err := json.Marshal(object)
		if err != nil {
			panic(err)
		}
		a.body = string(b)
	})
}

// all is several fronts in a row.
func all(fronts ...front) front {
	return func(s *site, next http.Handler) http.Handler {
		for _, f := range fronts {
			next = f(s, next)
		}
		return next
	}
}

const (
	oauthPath  = "/.well-known/oauth-authorization-server"
	openidPath = "/.well-known/openid-configuration"
	jwksPath   = "/.well-known/jwks.json"
)

// metadata edits the documents at both places.
func metadata(change func(map[string]any)) front {
	return all(editing(oauthPath, change), editing(openidPath, change))
}

// key edits the first key of the key set.
func key(change func(key map[string]any)) front {
	return editing(jwksPath, func(set map[string]any) {
		change(set["keys"].([]any)[0].(map[string]any))
	})
}
