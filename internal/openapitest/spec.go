package openapitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/usher-oauth/usher/docs"
)

// Load returns the document, valid as OpenAPI, or what is wrong with it.
func Load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI))
	if err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the OpenAPI document is not valid: %w", err)
	}
	return doc, nil
}

// router finds the operation of a request in a stricter form of the document:
// members that it does not name are faults here. To others they must not be, or
// nothing could ever be added to an answer.
var router = sync.OnceValues(func() (routers.Router, error) {
	for _, kind := range []string{"text/html", "application/token-introspection+jwt"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.PlainBodyDecoder)
	}
	doc, err := Load()
	if err != nil {
		return nil, err
	}
	no := false
	for _, schema := range doc.Components.Schemas {
		if schema.Value.Type.Is("object") {
			schema.Value.AdditionalProperties.Has = &no
		}
	}
	doc.Servers = nil // tests run anywhere
	return gorillamux.NewRouter(doc)
})

var undescribed = regexp.MustCompile(`^/(docs/|\.well-known/|metrics$|debug/)`)

// Exchange is a request and its answer.
type Exchange struct {
	Request *http.Request // its body is not looked at
	Sent    []byte        // the request's body
	Status  int
	Header  http.Header
	Body    []byte
}

// Check returns how an exchange departs from the document. A request that was
// refused may be against it in any way, an answer never. What the document does
// not describe is passed over: what does not exist, preflights, the parts of the
// page at /docs, other paths to the metadata, which depend on the issuer, and what
// only the admin address has.
func Check(x Exchange) error {
	const clientGone = 499 // is for the log: nobody sees it
	r, err := router()
	if err != nil || x.Status == clientGone {
		return err
	}
	request := x.Request.Clone(context.WithoutCancel(x.Request.Context()))
	request.Body = io.NopCloser(bytes.NewReader(x.Sent))
	if request.Method == http.MethodHead {
		request.Method = http.MethodGet
	}
	route, names, err := r.FindRoute(request)
	if err != nil {
		if x.Status < http.StatusBadRequest && request.Method != http.MethodOptions && !undescribed.MatchString(request.URL.Path) {
			return fmt.Errorf("%s %s is answered with %d and is not in the OpenAPI document", request.Method, request.URL.Path, x.Status)
		}
		return nil
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request, Route: route, PathParams: names,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			MultiError:            true,
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			ExcludeResponseBody:   x.Request.Method == http.MethodHead,
		},
	}
	where := fmt.Sprintf("%s %s, %d", x.Request.Method, request.URL.Path, x.Status)
	if x.Status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(request.Context(), input); err != nil {
			return fmt.Errorf("%s: the request departs from the OpenAPI document: %w", where, err)
		}
	}
	err = openapi3filter.ValidateResponse(request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Options: input.Options,
		Status: x.Status, Header: x.Header, Body: io.NopCloser(bytes.NewReader(x.Body)),
	})
	if err != nil {
		return fmt.Errorf("%s: the answer departs from the OpenAPI document: %w", where, err)
	}
	return nil
}
