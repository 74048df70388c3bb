package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-oauth/usher/keys"
	"github.com/usher-oauth/usher/storage"
)

// Keys is an operator's hand on the signing keys, and the way from the stored
// keys to a ring. Several nodes and operators may use it at once: whoever comes
// second decides anew. Errors wrap [keys.ErrOtherMaster] where the master key is
// not the one the database was used with.
type Keys struct {
	Store  *storage.Store
	Master *keys.Master
	Now    func() time.Time // nil: the database's
}

// KeyStatus is a key as an operator sees it.
type KeyStatus struct {
	ID             string
	Algorithm      keys.Algorithm
	ForAudiences   bool // of a line beside the main one: see [keys.Key]
	State          keys.State
	CreatedAt      time.Time
	SignsFrom      time.Time
	PublishedUntil time.Time // zero: no end is planned
}

// Ring returns the keys that are not gone, and the version of the stored set.
func (k *Keys) Ring(ctx context.Context) (*keys.Ring, int64, error) {
	rows, version, err := k.rows(ctx)
	if err != nil {
		return nil, 0, err
	}
	ring, err := k.ring(rows, k.now())
	return ring, version, err
}

// List returns all stored keys, oldest first, also those that are gone.
func (k *Keys) List(ctx context.Context) ([]KeyStatus, error) {
	rows, _, err := k.rows(ctx)
	if err != nil {
		return nil, err
	}
	now := k.now()
	ring, err := k.ring(rows, now)
	if err != nil {
		return nil, err
	}
	list := make([]KeyStatus, len(rows))
	for i, row := range rows {
		list[i] = status(described(row), ring, now)
	}
	return list, nil
}

// Status is a key that was just made, as List shows it.
func (k *Keys) Status(key keys.Key) KeyStatus {
	return status(key, keys.NewRing([]keys.Key{key}), k.now())
}

func status(key keys.Key, ring *keys.Ring, now time.Time) KeyStatus {
	return KeyStatus{
		ID:             key.ID,
		Algorithm:      key.Algorithm,
		ForAudiences:   key.ForAudiences,
		State:          ring.State(key, now),
		CreatedAt:      key.CreatedAt,
		SignsFrom:      key.SignsFrom,
		PublishedUntil: key.PublishedUntil,
	}
}

func (k *Keys) rows(ctx context.Context) ([]storage.SigningKey, int64, error) {
	rows, version, err := k.Store.SigningKeys(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("reading signing keys: %w", err)
	}
	return rows, version, nil
}

// ring opens the keys that are not gone. Those that are must not be in the way
// of an operator who has thrown away the master key that sealed them.
func (k *Keys) ring(rows []storage.SigningKey, now time.Time) (*keys.Ring, error) {
	var opened []keys.Key
	for _, row := range rows {
		if gone(row, now) {
			continue
		}
		key, err := k.open(row)
		if err != nil {
			return nil, err
		}
		opened = append(opened, key)
	}
	return keys.NewRing(opened), nil
}

func gone(row storage.SigningKey, now time.Time) bool {
	return !row.PublishedUntil.IsZero() && !row.PublishedUntil.After(now)
}

// sealPurpose separates sealed signing keys from all else that is sealed. It is
// part of what is stored; the context of a seal is the key's id.
const sealPurpose = "signing key"

// open reads a stored key.
func (k *Keys) open(row storage.SigningKey) (keys.Key, error) {
	pkcs8, err := k.Master.Open(sealPurpose, row.Sealed, []byte(row.ID))
	if errors.Is(err, keys.ErrOtherMaster) {
		return keys.Key{}, fmt.Errorf("key %s: %w: put the line of that master key back into the master key file; if it is lost for good, rotate the signing key at once to begin anew", row.ID, err)
	}
	var key keys.Key
	if err == nil {
		key, err = keys.ParseKey(row.ID, keys.Algorithm(row.Algorithm), pkcs8)
	}
	if err != nil {
		return keys.Key{}, fmt.Errorf("key %s: %w: restore the database from a backup, or rotate the signing key at once to begin anew", row.ID, err)
	}
	key.ForAudiences = row.ForAudiences
	key.CreatedAt, key.SignsFrom, key.SignsUntil, key.PublishedUntil = row.CreatedAt, row.SignsFrom, row.SignsUntil, row.PublishedUntil
	return key, nil
}

// described is a stored key without its private part.
func described(row storage.SigningKey) keys.Key {
	return keys.Key{
		ID:             row.ID,
		Algorithm:      keys.Algorithm(row.Algorithm),
		ForAudiences:   row.ForAudiences,
		CreatedAt:      row.CreatedAt,
		SignsFrom:      row.SignsFrom,
		SignsUntil:     row.SignsUntil,
		PublishedUntil: row.PublishedUntil,
	}
}

// seal makes keys ready to be stored, under the current master key.
func (k *Keys) seal(plan []keys.Key) ([]storage.SigningKey, error) {
	rows := make([]storage.SigningKey, len(plan))
	for i, key := range plan {
		pkcs8, err := key.MarshalPrivate()
		if err != nil {
			return nil, err
		}
		sealed, err := k.Master.Seal(sealPurpose, pkcs8, []byte(key.ID))
		if err != nil {
			return nil, err
		}
		rows[i] = storage.SigningKey{
			ID:             key.ID,
			Algorithm:      string(key.Algorithm),
			Sealed:         sealed,
			ForAudiences:   key.ForAudiences,
			CreatedAt:      key.CreatedAt,
			SignsFrom:      key.SignsFrom,
			SignsUntil:     key.SignsUntil,
			PublishedUntil: key.PublishedUntil,
		}
	}
	return rows, nil
}

func (k *Keys) now() time.Time {
	if k.Now == nil {
		return k.Store.Now()
	}
	return k.Now()
}
