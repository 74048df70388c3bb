package report

import (
	"bytes"
	"fmt"
	"strings"
)

const head = "# Performance\n" + `
<!-- Written by make bench from bench/history.jsonl: change bench/report instead. -->

What usher costs beside what no server could leave out. *bare* is a program of plain
net/http ([bench/bare](../bench/bare/doc.go)) that does only the unavoidable work of a row: it checks neither
client nor form nor token. 0.70 against bare means 70 answers in the time in which bare gives 100.

![A bar for each figure, against its goal](performance.svg)

`

const method = `
## How it is measured

- usher is built as for a release (CGO_ENABLED=0, -trimpath) and runs with its default flags, but for
  --log-level warn, an address of its own, and where a row says so. An operator's commands make its
  users and clients.
- One process makes the load: connections stay open, and each sends its next request when it has the
  answer to the one before. Load, usher, bare and the database share the machine's cores, so what the load
  costs narrows the distance between two servers. *By CPU time* is the same ratio of the answers that a
  second of the server's own CPU time gives, from /proc: neither the load nor other programs bend that much.
- An answer counts only with status 200 and the text that a right one has. Others are counted as bad.
- Contenders take turns, in another order each round, after a second of warm-up. A figure is the ratio of the
  medians of all rounds; its range is that of single rounds.
- SQLite's file is on a disk and synced with each commit (synchronous=FULL); so is the PostgreSQL of the
  run, on the same machine.
- A goal that is missed is said to be missed and fails nothing: speed is not a test.

` + "```sh norun" + `
make bench                                   # about half an hour
go run ./bench -rows refresh -engine sqlite  # one row, recorded nowhere
go run ./bench -record -scale -rows scale    # beside a million logins
make microbench                              # parts, without a network
` + "```" + `

Run it on a machine that does nothing else: the load average stands beside each date.
`

// Markdown writes the page.
func Markdown(rows []Latest) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	if len(rows) > 0 {
		b.WriteString("Machine: " + rows[0].Run.Machine.String() + ".\n")
	}
	b.WriteString("\n## Goals\n\n| row | figure | median | rounds | by CPU time | goal | |\n| --- | --- | --: | --- | --: | --: | --- |\n")
	for _, r := range rows {
		for _, f := range r.Figures {
			verdict := f.Verdict()
			if !f.Met() {
				verdict = "**missed**"
			}
			line(&b, r.Title(), f.Name, f.ValueText(), f.SpreadText(), f.CPUText(), f.GoalText(), verdict)
		}
	}
	b.WriteString("\n## What a request does\n\n| row | usher | against |\n| --- | --- | --- |\n")
	for _, r := range rows {
		if r.Engine == "sqlite" || !has(rows, r.Name, "sqlite") {
			line(&b, r.Name, r.Does, r.Against)
		}
	}
	b.WriteString("\n## All measures\n\nMedians, with the range of the rounds in parentheses. CPU is the server's for one answer.\n\n" +
		"| row | contender | answers/s | p50 ms | p99 ms | CPU µs | RSS MB | bad |\n| --- | --- | --: | --: | --: | --: | --: | --: |\n")
	for _, r := range rows {
		for _, m := range r.Measures {
			line(&b, r.Title(), m.Name, spread(m.Rate), number(m.P50.Median), spread(m.P99), spread(m.CPU), number(m.RSS), fmt.Sprint(m.Bad))
		}
	}
	b.WriteString(method)
	b.WriteString("\n## Runs\n\n| date | commit | rounds × seconds, connections | load average | rows |\n| --- | --- | --- | --- | --- |\n")
	for i := 0; i < len(rows); {
		run := rows[i].Run
		var titles []string
		for ; i < len(rows) && rows[i].Run.Date.Equal(run.Date); i++ {
			titles = append(titles, rows[i].Title())
		}
		line(&b, run.Date.UTC().Format("2006-01-02 15:04 MST"), run.Commit, fmt.Sprintf("%d × %g, %d", run.Rounds, run.Seconds, run.Connections),
			fmt.Sprintf("%.1f – %.1f", run.LoadAverage[0], run.LoadAverage[1]), strings.Join(titles, "; "))
	}
	return b.Bytes()
}

// line writes one line of a table.
func line(b *bytes.Buffer, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func has(rows []Latest, name, engine string) bool {
	for _, r := range rows {
		if r.Name == name && r.Engine == engine {
			return true
		}
	}
	return false
}
