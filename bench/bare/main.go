package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// bare is the state that requests share.
type bare struct {
	tokenBytes int
	files      map[string][]byte
	keys       keys
	login      login
	refresh    refresh
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var b bare
	files := flag.String("files", "", "folder of the files to serve")
	cost := flag.Int("cost", 12, "bcrypt cost of a login")
	password := flag.String("password", "", "what each login sends")
	database := flag.String("database", "", "sqlite:PATH or postgres://… for refresh")
	rows := flag.Int("rows", 16, "rows that refreshes update, each its own")
	flag.IntVar(&b.tokenBytes, "token-bytes", 480, "bytes of a token that are signed")
	flag.Parse()

	if b.files, err = readFiles(*files); err != nil {
		return err
	}
	if b.keys, err = newKeys(); err != nil {
		return err
	}
	if b.login, err = newLogin(*password, *cost); err != nil {
		return err
	}
	if *database != "" {
		if b.refresh, err = openRefresh(ctx, *database, *rows); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.refresh.db.Close()) }()
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Println(l.Addr()); err != nil {
		return err
	}
	server := &http.Server{Handler: b.routes()}
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // any end of it is the end
		server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (b *bare) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /token/es256", b.es256)
	m.HandleFunc("POST /token/rs256", b.rs256)
	m.HandleFunc("POST /token/login", b.compare)
	m.HandleFunc("POST /token/refresh", b.update)
	m.HandleFunc("POST /introspect", b.introspect)
	m.HandleFunc("POST /introspect/verify", b.verifying(b.introspect))
	m.HandleFunc("GET /users/me", b.me)
	m.HandleFunc("GET /users/me/verify", b.verifying(b.me))
	m.HandleFunc("GET /file/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, ok := b.files[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		answer(w, body)
	})
	return m
}

// introspect writes 300 bytes, about what an active token comes to.
func (b *bare) introspect(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	answer(w, []byte(`{"active":true,"scope":"`+strings.Repeat("x", 274)+`"}`))
}

// me writes 200 bytes for who brings a token.
func (b *bare) me(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	answer(w, []byte(`{"username":"`+strings.Repeat("x", 185)+`"}`))
}

func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(body) //nolint:errcheck // a client that is gone is not told
}

// readForm reads the form of a request and reports whether there was one.
func readForm(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// readFiles reads every file of a folder, by name; no folder has none.
func readFiles(folder string) (map[string][]byte, error) {
	if folder == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(entries))
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}
