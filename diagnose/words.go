package diagnose

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// maxQuoted is how much of a foreign text is shown, in characters.
const maxQuoted = 200

// plain makes a foreign text fit for one line of a terminal: printable and bounded.
func plain(s string) string {
	n := 0
	for i := range s {
		if n == maxQuoted {
			s = s[:i] + "…"
			break
		}
		n++
	}
	return printable(s)
}

// printable is a text without line breaks, escape sequences and other characters
// that show nothing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// quoted is plain in quotation marks, so that blanks at the ends are seen.
func quoted(s string) string { return `"` + plain(s) + `"` }

// quotedList is a list of texts in quotation marks.
func quotedList(list []string) string {
	const most = 10
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			fmt.Fprintf(&b, "and %d more", len(list)-most)
			break
		}
		b.WriteString(quoted(s))
	}
	return b.String()
}

// count is a number of things: "1 key", "2 keys".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// span is a duration in the largest unit that has at least two of it: "90
// seconds", "12 minutes", "3 days". It is cut down, not rounded.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, -d)
	switch {
	case d >= 2*365*day:
		return count(int(d/(365*day)), "year")
	case d >= 2*day:
		return count(int(d/day), "day")
	case d >= 2*time.Hour:
		return count(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return count(int(d/time.Minute), "minute")
	}
	return count(int(d/time.Second), "second")
}

// relative is a time as seen from now: "12 minutes ago", "in 3 days".
func relative(t, now time.Time) string {
	switch d := t.Sub(now); {
	case d <= -time.Second:
		return span(d) + " ago"
	case d >= time.Second:
		return "in " + span(d)
	}
	return "now"
}

// stamp is a time in UTC, to the second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// maxTime is the end of the year 9999, past which a time is a mistake.
const maxTime = 253402300799

// Moment says what a time of a token means (RFC 7519, section 2): the number, which
// counts seconds since 1970, as a time in UTC, and as seen from now.
func Moment(seconds int64, now time.Time) string {
	if seconds < 0 || seconds > maxTime {
		return fmt.Sprintf("%d (no time that makes sense)", seconds)
	}
	t := time.Unix(seconds, 0)
	return fmt.Sprintf("%d (%s, %s)", seconds, stamp(t), relative(t, now))
}
