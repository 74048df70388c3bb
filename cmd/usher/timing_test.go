package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/usher-oauth/usher/storage"
)

// Refused logins must take the same time whatever they are refused for, or time
// tells who has an account. In the suite only what would be seen at a glance fails:
// a hash left out or made twice. In a soak there are enough samples for a gap of a
// fiftieth, in the lower quartile: what a machine adds that is busy with other things
// is in the upper ones.
func TestSoakRefusedLoginsTakeTheSameTime(t *testing.T) { // not in parallel: others would be measured
	const (
		perAccount = 40 // fewer than an account may fail at once
		batches    = 10 // of samples at most, on a machine that is never at rest
	)
	cost, samples := 8, 20
	if n := rounds(t, 0); n > 0 {
		cost, samples = 10, 10*n
	}
	s := newServer(t, proxied, "--bcrypt-cost", fmt.Sprint(cost))
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(s.Dir, "usher.db"), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	hash := func(cost int) string {
		h, err := bcrypt.GenerateFromPassword([]byte(annsPassword), cost)
		if err != nil {
			t.Fatal(err)
		}
		return string(h)
	}
	dear, cheap := hash(cost), hash(4)

	classes := []*timed{
		{name: "wrong", user: storage.User{PasswordHash: dear, PasswordCost: cost}, word: "a wrong password"},
		{name: "unknown", word: "a wrong password"},
		{name: "disabled", user: storage.User{PasswordHash: dear, PasswordCost: cost, Disabled: true}, word: annsPassword},
		{name: "without", user: storage.User{PasswordCost: 0}, word: "a wrong password"},
		{name: "imported", user: storage.User{PasswordHash: cheap, PasswordCost: 4}, word: "a wrong password"},
		{name: "too-long", user: storage.User{PasswordHash: dear, PasswordCost: cost}, word: strings.Repeat("x", 200)},
	}
	for _, c := range classes {
		for i := 0; c.name != "unknown" && i <= batches*samples/perAccount; i++ {
			c.user.ID, c.user.Epoch, c.user.Username = "", "", c.account(i)
			if err := store.CreateUser(t.Context(), c.user); err != nil {
				t.Fatal(err)
			}
		}
	}
	asked := 0
	for batch := 0; batch == 0 || batch < batches && !alike(classes); batch++ {
		for range samples {
			rand.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
			for _, c := range classes {
				from := fmt.Sprintf("10.%d.%d.%d", asked>>16, asked>>8&255, asked&255)
				took := s.refusal(from, c.account(len(c.took)/perAccount), c.word)
				c.took = append(c.took, took)
				asked++
			}
		}
	}
	if !alike(classes) {
		t.Error("at the least, some refusals take half as long again as others: a hash is left out or made twice")
	}
	slices.SortFunc(classes, func(a, b *timed) int { return cmp.Compare(b.name, a.name) }) // "wrong" first
	for _, c := range classes {
		slices.Sort(c.took)
		lower, median, p := c.against(classes[0], 1), c.against(classes[0], 2), mannWhitney(c.took, classes[0].took)
		t.Logf("%-9s least %8v, lower quartile %8v (%+.2f %%), median %8v (%+.2f %%), Mann-Whitney p %.2f", c.name,
			c.quarter(0), c.quarter(1), 100*lower, c.quarter(2), 100*median, p)
		if samples >= 500 && math.Abs(lower) > 0.02 && p < 0.001 {
			t.Errorf("%s: takes %+.3f of the time of a wrong password more in the lower quartile, want within a fiftieth, or chance", c.name, lower)
		}
	}
}

// alike reports whether the quickest refusals of all classes took about the same:
// another hash would show in each.
func alike(classes []*timed) bool {
	var least []time.Duration
	for _, c := range classes {
		least = append(least, slices.Min(c.took))
	}
	return 2*slices.Max(least) < 3*slices.Min(least)
}

// timed is a way to be refused, and how long each refusal took.
type timed struct {
	name string
	user storage.User // what its accounts are like
	word string
	took []time.Duration
}

func (c *timed) account(i int) string { return fmt.Sprintf("%s-%04d", c.name, i) }

// quarter is the time below which so many quarters of the sorted samples are.
func (c *timed) quarter(n int) time.Duration {
	return c.took[n*len(c.took)/4].Round(10 * time.Microsecond)
}

// against is by what part of another class's quarter this one's is longer.
func (c *timed) against(other *timed, n int) float64 {
	return float64(c.quarter(n))/float64(other.quarter(n)) - 1
}

// refusal measures a login that is refused.
func (s *testServer) refusal(from, username, word string) time.Duration {
	s.t.Helper()
	req := s.guessing(from, username, word)
	start := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	took := time.Since(start)
	if want := `{"error":"invalid_grant","error_description":"Incorrect username or password"}`; err != nil || string(body) != want || res.StatusCode != http.StatusBadRequest {
		s.t.Fatalf("%s: got %d %s (%v), want 400 %s", username, res.StatusCode, body, err, want)
	}
	return took
}

// mannWhitney returns how probable it is that two sorted samples of one
// distribution differ as much as these, by the normal approximation of the U test.
func mannWhitney(a, b []time.Duration) float64 {
	var u float64 // pairs in which a's is the larger
	for _, x := range a {
		below, _ := slices.BinarySearch(b, x)
		above, _ := slices.BinarySearchFunc(b, x, func(y, x time.Duration) int {
			if y <= x {
				return -1
			}
			return 1
		})
		u += float64(below) + float64(above-below)/2
	}
	n, m := float64(len(a)), float64(len(b))
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}
