package credentials

import "syscall"

// lowerPriority puts the calling thread, which the caller must have locked, at
// the bottom of the scheduler's order. On Linux niceness belongs to the
// thread, so the rest of the process does not notice.
func lowerPriority() error {
	return syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 19)
}

// defaultWorkers may use every core: niceness keeps them free for others.
func defaultWorkers(cores int) int { return cores }
