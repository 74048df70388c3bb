package credentials_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-oauth/usher/credentials"
)

// Not parallel, so that no other test starts a pool meanwhile.
func TestWorkersYieldToOtherThreads(t *testing.T) {
	before := niceThreads(t) // of pools that are ending
	p := credentials.NewPool(credentials.PoolConfig{Cost: 4, Workers: 1})
	defer p.Close()
	if _, err := p.Hash(t.Context(), "swordfish"); err != nil { // by now the worker has begun
		t.Fatal(err)
	}
	after := niceThreads(t)
	maps.DeleteFunc(after, func(thread string, _ bool) bool { return before[thread] })
	if len(after) != 1 {
		t.Errorf("got %d new threads at nice 19, want 1", len(after))
	}
}

// niceThreads finds the threads of this process at nice 19: field 19 of
// proc_pid_stat(5), counted from behind the name in parentheses, field 2.
func niceThreads(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("listing threads: got %v, %v, want some", files, err)
	}
	nice := make(map[string]bool)
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[19-3] == "19" {
			nice[file] = true
		}
	}
	return nice
}
