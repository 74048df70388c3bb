package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	jose "github.com/go-jose/go-jose/v4/json"
)

// decode reads a JSON object into v, a pointer to a struct whose members are all
// written. What v has no member for is an error: a name with a slip in it must not
// pass for a change that was made. Errors never quote what a member says, for that may
// be a secret.
func decode(r *http.Request, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &Refusal{Status: http.StatusUnsupportedMediaType, Code: CodeInvalid, Text: "the body must be application/json"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	var sent, takes map[string]any
	// This decoder refuses names that repeat, and takes them to the letter.
	if jose.Unmarshal(body, &sent) != nil || sent == nil {
		return invalid("the body must be one JSON object, with each name once")
	}
	if err := again(v, &takes); err != nil {
		return err
	}
	for name := range sent {
		if _, known := takes[name]; !known {
			return invalid("the body has a member %q, which means nothing here: leave it out", name)
		}
	}
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(body, v); {
	case errors.As(err, &kind):
		return invalid("member %q of the body has the wrong type", kind.Field)
	case err != nil:
		return invalid("the body is not valid JSON")
	}
	// The decoder puts U+FFFD for what is not Unicode, and so something else would be
	// stored than was sent.
	var text json.RawMessage
	if err := again(v, &text); err != nil {
		return err
	}
	if !utf8.Valid(body) || bytes.ContainsRune(text, utf8.RuneError) {
		return invalid("the body is not valid Unicode")
	}
	return nil
}

// again reads into to what from is in JSON.
func again(from, to any) error {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	return err
}

// page is which part of a list is asked for.
type page struct {
	after string
	limit int
}

const (
	usualPage = 100
	// MaxPage is the most that a page of a list can hold.
	MaxPage = 1000
)

func pageOf(r *http.Request) (page, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return page{}, invalid("the query is not well-formed")
	}
	p := page{after: query.Get("after"), limit: usualPage}
	if !utf8.ValidString(p.after) || strings.ContainsRune(p.after, 0) {
		return page{}, invalid("after is no name: give the next of the page before")
	}
	if query.Has("limit") {
		if p.limit, err = strconv.Atoi(query.Get("limit")); err != nil || p.limit < 1 || p.limit > MaxPage {
			return page{}, invalid("limit must be a number from 1 to %d", MaxPage)
		}
	}
	return p, nil
}

// cut returns what belongs on the page of a list that was read with one more, and
// where the next page begins, empty on the last.
func cut[T any](p page, list []T, key func(T) string) (on []T, next string) {
	if len(list) <= p.limit {
		return list, ""
	}
	on = list[:p.limit]
	return on, key(on[p.limit-1])
}
