package handlers

import (
	"mime"
	"strconv"
	"strings"
)

// weights reads a header like Accept or Accept-Encoding: its items in lower case, each
// with its q, which is 1 where none is given (RFC 9110, section 12.4.2). What can't
// be read is left out.
func weights(values []string) map[string]float64 {
	found := make(map[string]float64)
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, given := params["q"]; given {
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		found[name] = weight
	}
	return found
}
