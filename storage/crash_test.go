package storage_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-oauth/usher/internal/postgrestest"
	"github.com/usher-oauth/usher/storage"
)

// crashDatabase names the database to a child of TestWhatWasAcknowledgedOutlivesAKill.
const crashDatabase = "USHER_CRASH_DATABASE"

func TestMain(m *testing.M) {
	if file := os.Getenv(crashDatabase); file != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(file, os.Getenv("USHER_CRASH_ROUND")))
		os.Exit(1)
	}
	os.Exit(postgrestest.Main(m))
}

// The steps of a grant's life, in their order: it is made, rotated three times,
// a token of it is revoked, and every other one is ended.
const (
	stepMade    = 0
	stepRotated = 3
	stepRevoked = 4
	stepEnded   = 5
)

func stepToken(grant string, step int) []byte {
	h := sha256.Sum256(fmt.Append(nil, grant, " ", step))
	return h[:]
}

// takeStep brings the grant from the step before to this one.
func takeStep(ctx context.Context, s *storage.Store, grant string, step int) error {
	switch {
	case step == stepMade:
		return s.CreateGrant(ctx, storage.Grant{ID: grant, UserID: "ann", ClientID: "app", UserEpoch: "e", ClientEpoch: "e", Refresh: stepToken(grant, 0)})
	case step <= stepRotated:
		won, err := s.RotateGrant(ctx, grant, stepToken(grant, step-1), stepToken(grant, step), fmt.Append(nil, "answer ", step))
		if err == nil && !won {
			err = errors.New("its rotation was refused")
		}
		return err
	case step == stepRevoked:
		return s.RevokeToken(ctx, grant+".jti", time.Now().Add(time.Hour))
	default:
		return s.EndGrant(ctx, grant)
	}
}

// writeUntilKilled leads grants through their lives from several goroutines and
// prints each step once it is acknowledged. It returns an error or not at all.
func writeUntilKilled(file, round string) error {
	ctx := context.Background()
	s, err := storage.Open(ctx, "sqlite:"+file, storage.Options{Migrate: true})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 8 {
		go func() {
			for n := 0; ; n++ {
				grant := fmt.Sprintf("%s-%d-%d", round, w, n)
				for step := stepMade; step <= stepEnded-n%2; step++ {
					if err := takeStep(ctx, s, grant, step); err != nil {
						failed <- fmt.Errorf("grant %s, step %d: %w", grant, step, err)
						return
					}
					// One short write each: the pipe takes it whole.
					if _, err := fmt.Printf("%s %d\n", grant, step); err != nil {
						failed <- err
						return
					}
				}
			}
		}()
	}
	return <-failed
}

// A process that is killed takes nothing with it that it had acknowledged. (The
// kernel lives on here, so this shows that commits are complete and recovered, not
// that they are on the platter: that is synchronous=FULL's part.)
//
// USHER_SOAK_ROUNDS makes it longer.
func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	t.Parallel()
	kills := []int{1, 60, 600} // after so many acknowledged writes
	if v := os.Getenv("USHER_SOAK_ROUNDS"); v != "" {
		rounds, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("USHER_SOAK_ROUNDS: %v", err)
		}
		random := rand.New(rand.NewPCG(1, uint64(rounds)))
		for len(kills) < rounds {
			kills = append(kills, 1+random.IntN(3000))
		}
	}
	file := filepath.Join(t.TempDir(), "usher.db")
	s := sqliteFile(file).Open(t, storage.Options{Migrate: true})
	if err := s.CreateUser(t.Context(), storage.User{ID: "ann", Username: "ann", Epoch: "e"}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateClient(t.Context(), storage.Client{ID: "app", Epoch: "e"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	acknowledged := make(map[string]int) // the last step of each grant, of all rounds
	for round, kill := range kills {
		writeAndKill(t, file, round, kill, acknowledged)
		checkIntegrity(t, file)
		checkSteps(t, file, acknowledged)
		if t.Failed() {
			t.Fatalf("in round %d, killed after %d writes", round, kill)
		}
	}
	t.Logf("%d kills, %d grants", len(kills), len(acknowledged))
}

// writeAndKill runs this program as a child, kills it after so many acknowledged
// writes and keeps all it has acknowledged, those of its last moment among them.
func writeAndKill(t *testing.T, file string, round, kill int, acknowledged map[string]int) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(program)
	child.Env = append(os.Environ(), crashDatabase+"="+file, fmt.Sprint("USHER_CRASH_ROUND=", round))
	var talk bytes.Buffer
	child.Stderr = &talk
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the end, by the kill
		}
		grant, step, _ := strings.Cut(strings.TrimSpace(line), " ")
		if acknowledged[grant], err = strconv.Atoi(step); err != nil {
			t.Errorf("got %q from the child, want a grant and a step", line)
		}
		if n == kill {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := child.Wait(); err == nil || talk.Len() > 0 {
		t.Errorf("got a child that ended by itself, want it killed: %v, %s", err, talk.String())
	}
}

// checkSteps checks that each grant is at the step that was acknowledged last, or
// at the next: one that was under way when the kill came.
func checkSteps(t *testing.T, file string, acknowledged map[string]int) {
	t.Helper()
	s := sqliteFile(file).Open(t, storage.Options{})
	revoked := make(map[string]bool)
	list, err := s.Revocations(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		revoked[string(r.Kind)+" "+r.Key] = true
		if r.Seq != int64(i)+1 {
			t.Fatalf("got revocation number %d in place %d, want no gap", r.Seq, i+1)
		}
	}
	for grant, want := range acknowledged {
		got, err := stepOf(t.Context(), s, grant, revoked)
		if err != nil {
			t.Errorf("grant %s: %v", grant, err)
		}
		if got != want && got != want+1 {
			t.Errorf("grant %s: got it at step %d, want %d as acknowledged, or the next", grant, got, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// stepOf returns the step that the grant is at, and an error where it is between two.
func stepOf(ctx context.Context, s *storage.Store, grant string, revoked map[string]bool) (int, error) {
	tokenRevoked, ended := revoked["token "+grant+".jti"], revoked["grant "+grant]
	g, err := s.Session(ctx, grant)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		if !ended || !tokenRevoked {
			return -1, nil
		}
		return stepEnded, nil
	case err != nil:
		return -1, err
	case ended:
		return -1, errors.New("it is there though its end is on record")
	}
	for step := stepMade; step <= stepRotated; step++ {
		if !bytes.Equal(g.Refresh, stepToken(grant, step)) {
			continue
		}
		if step > stepMade {
			of, err := s.SessionOf(ctx, grant, stepToken(grant, step-1))
			if err != nil {
				return -1, err
			}
			if string(of.Answer) != fmt.Sprint("answer ", step) {
				return -1, fmt.Errorf("got half a rotation: %+v", of)
			}
		}
		if step == stepRotated && tokenRevoked {
			return stepRevoked, nil
		}
		return step, nil
	}
	return -1, fmt.Errorf("got a refresh token that nobody set: %x", g.Refresh)
}
