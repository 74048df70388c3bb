package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/usher-oauth/usher/docs"
)

const (
	openAPIJSONPath = "/openapi.json"
	openAPIYAMLPath = "/openapi.yaml"

	contentYAML = "application/yaml" // RFC 9512
)

// openAPI is the document that describes this server, in both its spellings.
type openAPI struct {
	yaml document
	json func() (document, error) // made when first asked for: a server starts without it
}

// newOpenAPI returns the document for an issuer.
func newOpenAPI(issuer string) openAPI {
	text := strings.ReplaceAll(docs.OpenAPI, docs.Issuer, strings.TrimSuffix(issuer, "/"))
	return openAPI{
		yaml: newDocument(contentYAML, []byte(text), metadataCaching),
		json: sync.OnceValues(func() (document, error) {
			body, err := jsonOfYAML(text)
			return newDocument(contentJSON, body, metadataCaching), err
		}),
	}
}

// openAPIJSON answers GET /openapi.json.
func (s *server) openAPIJSON(w http.ResponseWriter, r *http.Request) error {
	document, err := s.openAPI.json()
	if err != nil {
		return err
	}
	document.ServeHTTP(w, r)
	return nil
}

// jsonOfYAML translates YAML to JSON with its members in the order they stand in,
// which is the order people read them in.
func jsonOfYAML(text string) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	var b bytes.Buffer
	if err := writeNode(&b, root.Content[0]); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeNode(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			b.WriteByte("{,"[min(i, 1)])
			if err := writeValue(b, n.Content[i].Value); err != nil { // a name, whatever it looks like
				return err
			}
			b.WriteByte(':')
			if err := writeNode(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		closeList(b, n, "{", "}")
	case yaml.SequenceNode:
		for i, item := range n.Content {
			b.WriteByte("[,"[min(i, 1)])
			if err := writeNode(b, item); err != nil {
				return err
			}
		}
		closeList(b, n, "[", "]")
	default:
		var value any
		if err := n.Decode(&value); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return writeValue(b, value)
	}
	return nil
}

// closeList ends what its first item began, or writes it where there is none.
func closeList(b *bytes.Buffer, n *yaml.Node, begin, end string) {
	if len(n.Content) == 0 {
		b.WriteString(begin)
	}
	b.WriteString(end)
}

func writeValue(b *bytes.Buffer, v any) error {
	text, err := json.Marshal(v)
	b.Write(text)
	return err
}
