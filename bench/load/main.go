package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/usher-oauth/usher/bench/measure"
)

func main() {
	var job measure.Job
	err := json.NewDecoder(os.Stdin).Decode(&job)
	if err == nil {
		var report measure.Report
		if report, err = run(job); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(report)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run does the job.
func run(job measure.Job) (measure.Report, error) {
	var now atomic.Int32
	var beside *stream
	var err error
	if job.Beside != nil { // it is to be there before the first request beside it
		if beside, err = start(*job.Beside, &now); err != nil {
			return measure.Report{}, err
		}
	}
	main, err := start(job.Main, &now)
	if err != nil {
		return measure.Report{}, err
	}
	time.Sleep(job.WarmUp)
	report, err := watch(job, &now)
	now.Store(stopping)
	report.Main = main.stop()
	if beside != nil {
		seen := beside.stop()
		report.Beside = &seen
	}
	return report, err
}

// watch lets answers count for a time and looks at the server meanwhile.
func watch(job measure.Job, now *atomic.Int32) (r measure.Report, err error) {
	const look = 100 * time.Millisecond
	before, err := measure.CPUTime(job.Server)
	if err != nil {
		return r, err
	}
	begin := time.Now()
	now.Store(counting)
	for left := job.Time; left > 0; left = job.Time - time.Since(begin) {
		time.Sleep(min(look, left))
		rss, err := measure.RSS(job.Server)
		if err != nil {
			return r, err
		}
		r.RSS = max(r.RSS, rss)
	}
	now.Store(stopping)
	r.Time = time.Since(begin)
	after, err := measure.CPUTime(job.Server)
	r.CPU = after - before
	return r, err
}
