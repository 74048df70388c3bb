//go:build !linux

package credentials

// lowerPriority does nothing: elsewhere niceness belongs to the process.
func lowerPriority() error { return nil }

// defaultWorkers leaves one core to everything but hashing.
func defaultWorkers(cores int) int { return max(1, cores-1) }
