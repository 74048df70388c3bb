package storage_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// at is when session n began.
func (p *play) at(n int64) time.Time { return p.start.Add(time.Duration(n) * time.Second / perSecond) }

// bulkID is the id of session n, made as one that is drawn.
func (p *play) bulkID(n int64) string {
	sum := md5.Sum([]byte("g" + strconv.FormatInt(n, 10)))
	return fmt.Sprintf("%08x", p.at(n).Unix()) + hex.EncodeToString(sum[:])[:12]
}

func userOf(n int64) int64 { return n * 7919 % playUsers }

// untouched is the number of some session that lives, at the client app.
func (p *play) untouched(now time.Time) int64 {
	for {
		n := p.next - 1 - p.chance.Int64N(p.next-p.first)
		if !p.ended[n] && n%100 != kiosk && now.Before(p.at(n).Add(sessionLasts)) {
			return n
		}
	}
}

func (p *play) end(which func(n int64) bool) {
	for n := p.first; n < p.next; n++ {
		if which(n) {
			p.ended[n] = true
		}
	}
}

// revoked remembers a revocation, which outlives the tokens by a minute.
func (p *play) revoked(now time.Time) {
	p.until["revocations"] = append(p.until["revocations"], now.Add(tokenLasts+time.Minute))
}

// living counts the sessions whose refresh token is good.
func (p *play) living(now time.Time) (count int) {
	for n := p.first; n < p.next; n++ {
		if !p.ended[n] && now.Before(p.at(n).Add(sessionLasts)) {
			count++
		}
	}
	for _, g := range p.real {
		if now.Before(g.ExpiresAt) {
			count++
		}
	}
	return count
}

// rows counts those that each table should have, and forgets the others.
func (p *play) rows(now time.Time) map[string]int {
	for ; !now.Before(p.at(p.first).Add(sessionLasts + tokenLasts)); p.first++ {
		delete(p.ended, p.first)
	}
	for !now.Before(p.real[0].ExpiresAt.Add(tokenLasts)) {
		p.real = p.real[1:]
	}
	count := map[string]int{"grants": int(p.next-p.first) - len(p.ended) + len(p.real)}
	for table, list := range p.until {
		var left []time.Time
		for _, u := range list {
			if now.Before(u) {
				left = append(left, u)
			}
		}
		p.until[table], count[table] = left, len(left)
	}
	count["throttle_lanes"] += min(playHomes, p.minutes*realLogins) // at home for 30 days
	return count
}
