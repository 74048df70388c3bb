package storage

import "time"

// OnMachineWith returns o for a machine whose clock is off by that much.
func (o Options) OnMachineWith(off time.Duration) Options {
	o.wall = func() time.Time { return time.Now().Add(off) }
	return o
}
