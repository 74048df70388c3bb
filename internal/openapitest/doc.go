// Package openapitest holds requests and answers of tests against the OpenAPI
// document.
package openapitest
