package yaml

import (
	"encoding/json"
	"reflect"
)

// Words says which words may be written for a type of text.
type Words map[reflect.Type][]string

// Schema returns the JSON Schema of what Decode accepts for v, for editors that
// complete and check a file while it is typed. It knows less than Decode and the
// owners of the values: what it refuses is wrong, the reverse does not hold.
func Schema(title string, v any, words Words) ([]byte, error) {
	s := schemas{words: words, definitions: make(map[string]any)}
	root := s.object(reflect.TypeOf(v))
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = title
	root["definitions"] = s.definitions
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

type schemas struct {
	words       Words
	definitions map[string]any // by the name of the type
}

// of returns the schema of a field of type t.
func (s *schemas) of(t reflect.Type, f field) map[string]any {
	words, closed := s.words[t]
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem(), f)
	case closed:
		return map[string]any{"enum": words}
	case f.secret:
		return map[string]any{"type": "string", "pattern": `^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`}
	case t == durationType:
		return map[string]any{"type": "string", "pattern": `^\s*([0-9.]+\s*(ms|s|m|min|h|d))+$`}
	case plain(t):
		return map[string]any{"type": scalarType(t)}
	}
	switch t.Kind() {
	case reflect.Slice:
		item := s.of(t.Elem(), field{secret: f.secret})
		if f.keyed {
			return map[string]any{"type": "object", "additionalProperties": item}
		}
		list := map[string]any{"type": "array", "items": item}
		if plain(t.Elem()) {
			return map[string]any{"anyOf": []any{item, list}}
		}
		return list
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem(), field{})}
	default:
		return s.reference(t)
	}
}

// scalarType returns the JSON types that editors may take a plain value for.
func scalarType(t reflect.Type) any {
	switch {
	case reflect.PointerTo(t).Implements(unmarshalerType), t.Kind() == reflect.String:
		return []string{"string", "number"}
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return "number"
	default:
		return "integer"
	}
}

// reference returns a schema that refers to the definition of the struct t.
func (s *schemas) reference(t reflect.Type) map[string]any {
	if _, known := s.definitions[t.String()]; !known {
		s.definitions[t.String()] = nil // a struct may hold others of its kind
		s.definitions[t.String()] = s.definition(t)
	}
	return map[string]any{"$ref": "#/definitions/" + t.String()}
}

func (s *schemas) definition(t reflect.Type) map[string]any {
	o := s.object(t)
	if scalar := shapeOf(t).scalar; scalar != nil {
		return map[string]any{"anyOf": []any{s.of(scalar.typ, *scalar), o}}
	}
	return o
}

func (s *schemas) object(t reflect.Type) map[string]any {
	properties, required := make(map[string]any), []string{}
	for _, f := range shapeOf(t).fields {
		properties[f.key] = s.of(f.typ, f)
		if f.required {
			required = append(required, f.key)
		}
	}
	o := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}
