package credentials

import (
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// work is the life of a worker. Its thread is never unlocked: niceness can't
// be taken back, so the thread has to end with the goroutine. Threads that Go
// starts meanwhile do not inherit it, because Go does not clone locked ones.
func (p *Pool) work() {
	runtime.LockOSThread()
	// Where a sandbox forbids this, logins work all the same, at the expense
	// of other requests: no reason to refuse them.
	_ = lowerPriority()
	for j := p.next(); j != nil; j = p.next() {
		var s spent
		start := time.Now()
		j.run(&s)
		p.finish(s, time.Since(start))
		close(j.done)
	}
}

// next waits for a job. It is nil once the pool is closed.
func (p *Pool) next() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.queue.Len() == 0 {
		if p.closed {
			return nil
		}
		p.changed.Wait()
	}
	j := p.queue.Front().Value.(*job)
	p.leave(j)
	p.stats.Running++
	p.stats.waited(time.Since(j.since))
	return j
}

// finish books a job that has run.
func (p *Pool) finish(s spent, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Running--
	p.stats.Done++
	p.stats.Units += s.units
	p.speed.add(s.units, took)
}

// speed is how fast units of work go lately.
type speed struct{ units, took float64 }

// add counts a job in, and the jobs before it an eighth less each time. Time and
// units decay apart, so that a short job which stalled says little about a long
// one: the mean of each job's own speed would have it say all.
func (v *speed) add(units uint64, took time.Duration) {
	if units == 0 {
		return
	}
	const keep = 7.0 / 8
	v.units = keep*v.units + float64(units)
	v.took = keep*v.took + float64(took)
}

// time foretells how long so many units will take: 0 before the first job.
func (v *speed) time(units uint64) time.Duration {
	if v.units == 0 {
		return 0
	}
	return time.Duration(float64(units) * v.took / v.units)
}

// spent counts the bcrypt rounds of a job. Nothing else in the package calls
// bcrypt, so that equal work can be proved by counting instead of timing.
type spent struct{ units uint64 }

// matches compares a password with a hash that ParseHash accepts.
func (s *spent) matches(hash string, cost int, password string) bool {
	s.units += 1 << cost
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// hash makes a new hash.
func (s *spent) hash(password string, cost int) (string, error) {
	s.units += 1 << cost
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return string(hash), err
}
