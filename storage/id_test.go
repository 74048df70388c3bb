package storage_test

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/usher-oauth/usher/storage"
)

func TestGrantIDsAreInTheOrderOfTheirSeconds(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var ids []string
	for hours := range 3000 {
		now := start.Add(time.Duration(hours) * time.Hour)
		first, second := storage.NewGrantID(now), storage.NewGrantID(now.Add(999*time.Millisecond))
		if first[:8] != second[:8] || first == second {
			t.Errorf("within a second: got ids %q and %q, want them to begin alike and end otherwise", first, second)
		}
		ids = append(ids, first)
	}
	if !slices.IsSorted(ids) {
		t.Error("got ids in another order than their times', want the same")
	}
	for _, id := range append(ids, storage.NewGrantID(time.Time{}), storage.NewGrantID(start.AddDate(1000, 0, 0))) {
		if b, err := base64.RawURLEncoding.DecodeString(id); len(id) != 20 || len(b) != 15 || err != nil {
			t.Errorf("got id %q, want 20 characters of base64url", id)
		}
	}
}
