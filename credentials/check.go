package credentials

import (
	"context"
	"fmt"
	"strings"
)

// Result is what checking a password found.
type Result struct {
	OK    bool // the password is right
	Renew bool // it is, and its hash should be made anew: other cost or prefix than new ones have
}

// Check compares a password with a hash. An empty hash, or one that [ParseHash]
// refuses, stands for a user who does not exist or has no password. Passwords
// over [MaxPasswordBytes] or with a NUL never match.
//
// Every failure costs the same: one compare at the pool's cost, or at failCost
// where that is higher (the highest cost among all users, so that one imported
// with a dearer hash does not stand out). A success costs what its hash does, so
// a user who may not log in at all is to be checked with an empty hash. The
// error is [ErrBusy], [ErrClosed] or that of ctx; a wrong password is none.
func (p *Pool) Check(ctx context.Context, hash, password string, failCost int) (Result, error) {
	target := min(max(p.cost, failCost), MaxCost)
	possible := checkHashable(password) == nil
	password = password[:min(len(password), MaxPasswordBytes)]
	cost, err := ParseHash(hash)
	if err != nil {
		possible = false
		hash, cost = dummyHash(target), target
	}
	var ok bool
	err = p.do(ctx, 1<<max(cost, target), func(s *spent) {
		if ok = s.matches(hash, cost, password) && possible; ok {
			return
		}
		for _, c := range padding(cost, target) {
			s.matches(dummyHash(c), c, password)
		}
	})
	if err != nil {
		return Result{}, err
	}
	return Result{OK: ok, Renew: ok && (cost != p.cost || !strings.HasPrefix(hash, bcryptPrefix))}, nil
}

// padding lists the costs that, after a compare at cost, make the work that of
// one compare at target: 2^c + (2^c + 2^(c+1) + … + 2^(target-1)) = 2^target.
func padding(cost, target int) []int {
	var costs []int
	for c := cost; c < target; c++ {
		costs = append(costs, c)
	}
	return costs
}

// Hash makes a hash of a password at the pool's cost. It refuses, with an error
// wrapping [ErrPassword], only what [Pool.Check] could never match; whether a
// password may be set is for [CheckPassword]. Other errors are those of Check.
func (p *Pool) Hash(ctx context.Context, password string) (string, error) {
	if err := checkHashable(password); err != nil {
		return "", err
	}
	var hash string
	var hashErr error
	err := p.do(ctx, 1<<p.cost, func(s *spent) {
		hash, hashErr = s.hash(password, p.cost)
	})
	if err != nil {
		return "", err
	}
	if hashErr != nil {
		return "", fmt.Errorf("hashing password: %w", hashErr)
	}
	return hash, nil
}
