package main

import (
	"fmt"
	"runtime/debug"
)

// version is `usher version`.
type version struct{ outputFlag }

// buildInfo is what the Go tool wrote into this program.
type buildInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

func readBuildInfo() buildInfo {
	b := buildInfo{Version: "unknown", Commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			b.Commit += " (modified)"
		}
	}
	return b
}

func (c *version) Run(w world) error {
	b := readBuildInfo()
	return c.print(w, b, func() string {
		return fmt.Sprintf("usher %s, commit %s, %s\n", b.Version, b.Commit, b.Go)
	})
}
