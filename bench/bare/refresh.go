package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// refresh commits an update of one row.
type refresh struct {
	db     *sql.DB
	update *sql.Stmt
}

// schema has the columns of usher's table of that name.
const schema = `CREATE TABLE grants (
	id            TEXT   PRIMARY KEY,
	user_id       TEXT   NOT NULL,
	client_id     TEXT   NOT NULL,
	user_epoch    TEXT   NOT NULL,
	client_epoch  TEXT   NOT NULL,
	scopes        TEXT   NOT NULL,
	audiences     TEXT   NOT NULL,
	auth_time     BIGINT NOT NULL,
	expires_at    BIGINT NOT NULL,
	refresh_hash  BYTEA,
	previous_hash BYTEA,
	rotated_at    BIGINT NOT NULL,
	answer        BYTEA
)`

// openRefresh opens a database with usher's settings of that engine and fills it.
func openRefresh(ctx context.Context, database string, rows int) (refresh, error) {
	db, err := open(database)
	if err != nil {
		return refresh{}, err
	}
	r, err := fill(ctx, db, rows)
	if err != nil {
		return refresh{}, errors.Join(fmt.Errorf("filling the database: %w", err), db.Close())
	}
	return r, nil
}

func open(database string) (*sql.DB, error) {
	if file, ok := strings.CutPrefix(database, "sqlite:"); ok {
		db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
		if err == nil {
			db.SetMaxOpenConns(1) // SQLite has one writer
		}
		return db, err
	}
	db, err := sql.Open("pgx", database)
	if err == nil {
		conns := max(16, 4*runtime.NumCPU())
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
	}
	return db, err
}

func fill(ctx context.Context, db *sql.DB, rows int) (r refresh, err error) {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return r, err
	}
	for i := range rows {
		_, err := db.ExecContext(ctx, `INSERT INTO grants (id, user_id, client_id, user_epoch, client_epoch, scopes, audiences, auth_time, expires_at, rotated_at)
			VALUES ($1, 'aaaaaaaaaaaaaaaaaaaa', 'web', 'aaaaaaaa', 'aaaaaaaa', 'profile', 'http://127.0.0.1:8000', 0, 0, 0)`, fmt.Sprintf("%020d", i))
		if err != nil {
			return r, err
		}
	}
	r.db = db
	r.update, err = db.PrepareContext(ctx, `UPDATE grants SET refresh_hash = $1, previous_hash = $2, answer = $3, rotated_at = $4 WHERE id = $5`)
	return r, err
}

// update takes the row's id for the refresh token and hands it out again.
func (b *bare) update(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	if b.refresh.db == nil {
		http.Error(w, "started without -database", http.StatusNotImplemented)
		return
	}
	id := r.PostForm.Get("refresh_token")
	var fresh [32 + 32 + 900]byte // two hashes, and an answer of the size of usher's
	rand.Read(fresh[:])           // never fails
	result, err := b.refresh.update.ExecContext(r.Context(), fresh[:32], fresh[32:64], fresh[64:], time.Now().UnixMilli(), id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if n, err := result.RowsAffected(); n != 1 || err != nil {
		http.Error(w, fmt.Sprintf("%d rows have the id %s (%v)", n, id, err), http.StatusBadRequest)
		return
	}
	answerToken(w, strings.Repeat("x", b.tokenBytes+87), id)
}
