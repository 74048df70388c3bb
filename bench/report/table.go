package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes the figures of all rows, and beneath them what each contender did.
func Table(out io.Writer, run Run) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROW\tFIGURE\tMEDIAN\tMIN – MAX\tBY CPU\tGOAL\t")
	for _, r := range run.Rows {
		for _, f := range r.Figures {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Title(), f.Name, f.ValueText(), f.SpreadText(), f.CPUText(), f.GoalText(), f.Verdict())
		}
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	fmt.Fprintln(w, "ROW\tCONTENDER\tANSWERS/S\tP50 MS\tP99 MS\tCPU µS\tRSS MB\tBAD")
	for _, r := range run.Rows {
		for _, m := range r.Measures {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.Title(), m.Name, spread(m.Rate), number(m.P50.Median), spread(m.P99), number(m.CPU.Median), number(m.RSS), m.Bad)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range run.Rows {
		for _, m := range r.Measures {
			if m.Bad > 0 {
				fmt.Fprintf(out, "%s, %s: %d bad answers, such as: %s\n", r.Title(), m.Name, m.Bad, m.Note)
			}
		}
	}
	missed, all := Missed(run.Rows)
	_, err := fmt.Fprintf(out, "%d of %d goals met; load average %.1f before, %.1f after\n", all-missed, all, run.LoadAverage[0], run.LoadAverage[1])
	return err
}
