package credentials

import "context"

// Do has a worker call f as a job of so many units.
func (p *Pool) Do(ctx context.Context, units uint64, f func()) error {
	return p.do(ctx, units, func(s *spent) {
		s.units += units
		f()
	})
}

// Padding is padding, for its arithmetic.
var Padding = padding

// MaxRemembered is maxRemembered.
const MaxRemembered = maxRemembered

// Remembered is how many secrets s remembers.
func (s *Secrets) Remembered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.remembered)
}

// Remember makes s remember a secret as if it had been checked.
func (s *Secrets) Remember(hash, secret string) { s.remember(s.mac(hash, secret)) }
