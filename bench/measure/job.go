package measure

import "time"

// Job is what the load generator is to do, as JSON on its standard input.
type Job struct {
	Server int           // process id of the server
	WarmUp time.Duration // load that is not counted, before
	Time   time.Duration // for which load is counted
	Main   Stream
	Beside *Stream `json:",omitempty"` // runs all the while, on connections of its own
}

// Stream is one kind of request, sent on several keep-alive connections: each sends
// its next request when it has the answer to the one before.
type Stream struct {
	Address     string // HOST:PORT
	Method      string
	Path        string
	Header      map[string]string `json:",omitempty"`
	Body        string            `json:",omitempty"`
	Connections int
	Pause       time.Duration `json:",omitempty"` // of a connection between an answer and the next request
	Wanted      string        // text that a right answer contains

	// Tokens makes each connection a chain of refreshes, one token for each: it is
	// appended to Body, and the refresh_token of the answer takes its place.
	Tokens []string `json:",omitempty"`

	// Turns are appended to Body too, one for each request in turn, for answers that
	// a server remembers. A stream has Tokens or Turns, not both.
	Turns []string `json:",omitempty"`
}

// Report is what the load generator saw, as JSON on its standard output.
type Report struct {
	Main   Seen
	Beside *Seen `json:",omitempty"`

	CPU  time.Duration // of the server, in the counted time
	RSS  int64         // bytes: the largest resident memory of the server that was seen
	Time time.Duration // that was counted
}

// Seen is what became of one stream in the counted time.
type Seen struct {
	Good   uint64        // answers with status 200 and the wanted text
	Bad    uint64        // other answers, and requests without one
	Fault  string        `json:",omitempty"` // the first bad one
	Median time.Duration // of the good ones, from request to answer
	P99    time.Duration
	Tokens []string `json:",omitempty"` // the chains' last, which the next job goes on with
}

// Rate returns good answers in a second.
func (r Report) Rate() float64 { return float64(r.Main.Good) / r.Time.Seconds() }

// BesideRate returns good answers of the other stream in a second.
func (r Report) BesideRate() float64 {
	if r.Beside == nil {
		return 0
	}
	return float64(r.Beside.Good) / r.Time.Seconds()
}

// CPUPerRequest returns the server's CPU time for each good answer, in microseconds.
func (r Report) CPUPerRequest() float64 {
	good := r.Main.Good
	if r.Beside != nil {
		good += r.Beside.Good
	}
	if good == 0 {
		return 0
	}
	return float64(r.CPU.Microseconds()) / float64(good)
}
