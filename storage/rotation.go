package storage

import "context"

// rotation is what RotateGrant is called with, and its outcome.
type rotation struct {
	id                      string
	presented, next, answer []byte
}

// rotated is what became of a rotation.
type rotated struct {
	won   bool
	alone bool // nothing was tried: it has to go by itself
}

// RotateGrant puts the refresh token hashed as next in the place of the one
// hashed as presented, and keeps the sealed answer for a retry. Of any number of
// calls with one presented token, on any number of nodes, one reports won.
func (s *Store) RotateGrant(ctx context.Context, id string, presented, next, answer []byte) (won bool, err error) {
	r := rotation{id, presented, next, answer}
	if s.rotations != nil {
		done, err := s.rotations.get(ctx, r)
		if err != nil || !done.alone {
			return done.won, err
		}
	}
	return s.rotate(ctx, r)
}

func (s *Store) rotate(ctx context.Context, r rotation) (won bool, err error) {
	n, err := s.dialect.single(ctx, `UPDATE grants SET refresh_hash = $1, previous_hash = $2, answer = $3, rotated_at = $4
		WHERE id = $5 AND refresh_hash = $2`, r.next, r.presented, r.answer, millis(s.now()), r.id)
	return n == 1 && err == nil, err
}

// rotateTogether does the rotations of several callers in one commit. It leaves out
// those it would have to wait for, whose row another transaction holds: they go alone,
// and so do those that won nothing and those whose grant another of the group is
// about. So no group waits for anything, and no two for each other.
func (s *Store) rotateTogether(ctx context.Context, group []*asked[rotation, rotated]) {
	if len(group) == 1 {
		group[0].answer.won, group[0].err = s.rotate(ctx, group[0].question)
		return
	}
	var ids []string
	var presented, next, answers [][]byte
	first := make(map[string]*asked[rotation, rotated], len(group))
	for _, a := range group {
		r := a.question
		a.answer, a.err = rotated{alone: true}, nil
		if first[r.id] == nil {
			first[r.id] = a
			ids, presented, next, answers = append(ids, r.id), append(presented, r.presented), append(next, r.next), append(answers, r.answer)
		}
	}
	won, err := s.dialect.returning(ctx, `WITH asked AS (
			SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[]) AS a (id, presented, next, answer)
		), free AS (
			SELECT g.id FROM grants g JOIN asked a ON a.id = g.id AND a.presented = g.refresh_hash FOR UPDATE OF g SKIP LOCKED
		)
		UPDATE grants g SET refresh_hash = a.next, previous_hash = a.presented, answer = a.answer, rotated_at = $5
		FROM asked a JOIN free f ON f.id = a.id
		WHERE g.id = a.id AND g.refresh_hash = a.presented RETURNING g.id`, ids, presented, next, answers, millis(s.now()))
	for _, a := range first {
		if err != nil {
			a.answer, a.err = rotated{}, err
		}
	}
	for _, id := range won {
		first[id].answer = rotated{won: true}
	}
}
