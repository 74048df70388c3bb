// Package docs holds the document that describes the HTTP interface to programs.
package docs

import _ "embed"

// Issuer is the issuer that OpenAPI is written for: that of a server with nothing
// configured.
const Issuer = "http://127.0.0.1:8000"

// OpenAPI is the OpenAPI 3.1 document in YAML.
//
//go:embed openapi.yaml
var OpenAPI string
