package diagnose

import (
	"fmt"
	"slices"
)

// Status is how a check came out.
type Status string

const (
	OK      Status = "ok"
	Warning Status = "warning" // works, but not for everyone or not for long
	Fail    Status = "fail"
	Skipped Status = "skipped" // nothing is known: it was not asked for, or something before it failed
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"` // the same name each time
	Status Status `json:"status"`
	Found  string `json:"found"`         // in one line
	Fix    string `json:"fix,omitempty"` // what to do about it, in one line; always there for Warning and Fail
}

// Failed returns the names of the checks that failed.
func Failed(findings []Finding) []string {
	var names []string
	for _, f := range findings {
		if f.Status == Fail && !slices.Contains(names, f.Check) {
			names = append(names, f.Check)
		}
	}
	return names
}

// report collects findings.
type report struct {
	findings []Finding
}

func (r *report) ok(check, format string, args ...any) {
	r.add(check, OK, fmt.Sprintf(format, args...), "")
}

func (r *report) skip(check, format string, args ...any) {
	r.add(check, Skipped, fmt.Sprintf(format, args...), "")
}

func (r *report) warn(check, found, fix string) { r.add(check, Warning, found, fix) }

func (r *report) fail(check, found, fix string) { r.add(check, Fail, found, fix) }

// add is where every text of a finding passes: whatever foreign text a check has
// forgotten to make plain, no line break and no escape sequence gets out.
func (r *report) add(check string, s Status, found, fix string) {
	r.findings = append(r.findings, Finding{Check: check, Status: s, Found: printable(found), Fix: printable(fix)})
}

// failed reports whether anything has failed so far.
func (r *report) failed() bool {
	return slices.ContainsFunc(r.findings, func(f Finding) bool { return f.Status == Fail })
}
