package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Append adds a run to the history, as one line of JSON.
func Append(file string, run Run) error {
	line, err := json.Marshal(run)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// History reads all runs, oldest first. A file that isn't there has none.
func History(file string) ([]Run, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var runs []Run
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var run Run
		if err := json.Unmarshal(lines.Bytes(), &run); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		runs = append(runs, run)
	}
	return runs, lines.Err()
}

// Latest is a row with the run it is of.
type Latest struct {
	Row
	Run Run
}

// Newest returns the newest of each row that was measured on the machine of the last
// run: not every run has all rows. They come in the order they first came in.
func Newest(runs []Run) []Latest {
	var rows []Latest
	at := make(map[[2]string]int)
	for _, run := range runs {
		if run.Machine != runs[len(runs)-1].Machine {
			continue
		}
		for _, row := range run.Rows {
			key := [2]string{row.Name, row.Engine}
			i, known := at[key]
			if !known {
				i = len(rows)
				at[key] = i
				rows = append(rows, Latest{})
			}
			rows[i] = Latest{Row: row, Run: run}
		}
	}
	return rows
}
