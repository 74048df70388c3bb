package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/usher-oauth/usher/keys"
)

// eachFlag calls f for every flag of every command.
func eachFlag(t *testing.T, f func(command *kong.Node, flag *kong.Flag)) {
	t.Helper()
	parser, err := newParser(world{}, &cli{})
	if err != nil {
		t.Fatal(err)
	}
	err = kong.Visit(parser.Model, func(v kong.Visitable, next kong.Next) error {
		if node, ok := v.(*kong.Node); ok {
			for _, flag := range node.Flags {
				f(node, flag)
			}
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Command lines are seen by every process of a machine and kept by shells.
func TestNoFlagTakesASecret(t *testing.T) {
	t.Parallel()
	eachFlag(t, func(command *kong.Node, flag *kong.Flag) {
		if flag.IsBool() {
			return
		}
		for _, word := range []string{"password", "secret", "passphrase"} {
			if strings.Contains(flag.Name, word) {
				t.Errorf("usher %s --%s takes a value", command.Path(), flag.Name)
			}
		}
	})
}

func TestEveryFlagHasAVariable(t *testing.T) {
	t.Parallel()
	seen := 0
	eachFlag(t, func(command *kong.Node, flag *kong.Flag) {
		if flag.Name == "help" {
			return
		}
		seen++
		want := "USHER_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if len(flag.Envs) != 1 || flag.Envs[0] != want {
			t.Errorf("usher %s --%s: got the variables %q, want %q", command.Path(), flag.Name, flag.Envs, want)
		}
		if flag.Help == "" {
			t.Errorf("usher %s --%s has no help", command.Path(), flag.Name)
		}
	})
	if seen < 50 {
		t.Errorf("got %d flags, want more: was the tree walked?", seen)
	}
}

// The tags of flags repeat what package keys knows.
func TestAlgorithmFlagsNameAlgorithms(t *testing.T) {
	t.Parallel()
	seen := 0
	eachFlag(t, func(command *kong.Node, flag *kong.Flag) {
		if flag.PlaceHolder != "ALG" {
			return
		}
		for _, name := range enum(flag.Value) {
			seen++
			if _, err := keys.ParseAlgorithm(name); err != nil {
				t.Errorf("usher %s --%s offers %q: %v", command.Path(), flag.Name, name, err)
			}
		}
	})
	if want := 12; seen != want { // three each of serve, demo, audience add and key rotate
		t.Errorf("got %d algorithms, want %d", seen, want)
	}
}
