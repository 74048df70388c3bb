package main

import (
	"context"
	"strconv"

	"github.com/usher-oauth/usher/admin"
	"github.com/usher-oauth/usher/adminapi"
	"github.com/usher-oauth/usher/storage"
)

// throttleCmd is `usher throttle`.
type throttleCmd struct {
	List  throttleList  `cmd:"" help:"List who failed to log in, and who is refused for it until when."`
	Clear throttleClear `cmd:"" help:"Let a user log in again at once; forgets the failures of the user from everywhere."`
}

// throttleList is `usher throttle list`.
type throttleList struct {
	databaseFlag
	outputFlag
}

func (c *throttleList) Run(ctx context.Context, w world) error {
	return c.with(ctx, false, func(s *storage.Store) error {
		list, err := (&admin.Throttle{Store: s}).List(ctx)
		if err != nil {
			return err
		}
		views := make([]adminapi.Throttle, len(list))
		rows := [][]string{{"USER", "NETWORK", "FAILURES", "UNTIL"}}
		for i, t := range list {
			views[i] = adminapi.ThrottleOf(t)
			rows = append(rows, []string{cell(t.Username), cell(t.Network), strconv.Itoa(t.Failures), clock(t.Until)})
		}
		return c.print(w, views, func() string { return table(rows...) })
	})
}

// throttleClear is `usher throttle clear`.
type throttleClear struct {
	User string `arg:"" help:"Login name; capitals don't matter."`
	databaseFlag
}

func (c *throttleClear) Run(ctx context.Context, w world) error {
	return c.with(ctx, false, func(s *storage.Store) error {
		name, exists, err := (&admin.Throttle{Store: s}).Clear(ctx, c.User)
		switch {
		case err != nil:
			return err
		case exists:
			w.say("user %s: failures are forgotten, may log in at once", cell(name))
		default:
			w.say("user %s: there is none of that name, so nothing to clear; what was tried at it is forgotten by itself", cell(name))
		}
		return nil
	})
}
