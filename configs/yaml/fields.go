package yaml

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"time"
)

// field is one field of a struct as its tag describes it:
//
//	yaml:"key"           the value of key
//	yaml:"key,required"  key must be given
//	yaml:"key,keyed"     a mapping whose entries become the elements of a slice, in their order
//	yaml:"key,secret"    only as ${NAME}
//	yaml:"key,file"      the name of a file, beside the document if relative; see Document.Files
//	yaml:",key"          takes the key of the entry of the keyed mapping
//	yaml:"key,scalar"    takes the value where the struct is written as a plain scalar
//	yaml:",inline"       the fields of a struct as if they were its own
//
// A field without a tag is not read.
type field struct {
	index    []int
	key      string
	typ      reflect.Type
	required bool
	keyed    bool
	secret   bool
	file     bool
}

// shape is what can be written into a struct.
type shape struct {
	fields []field // those with a key
	key    []int   // of the field that takes the entry's key; nil for none
	scalar *field
}

// shapeOf reads the tags of the struct type t.
func shapeOf(t reflect.Type) shape {
	var s shape
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("yaml")
		if !ok || tag == "-" {
			continue
		}
		key, rest, _ := strings.Cut(tag, ",")
		options := strings.Split(rest, ",")
		has := func(option string) bool { return slices.Contains(options, option) }
		f := field{index: sf.Index, key: key, typ: sf.Type, required: has("required"), keyed: has("keyed"), secret: has("secret"), file: has("file")}
		switch {
		case has("inline"):
			for _, inner := range shapeOf(sf.Type).fields {
				inner.index = append(slices.Clone(sf.Index), inner.index...)
				s.fields = append(s.fields, inner)
			}
			continue
		case has("key"):
			s.key = sf.Index
			continue
		case has("scalar"):
			s.scalar = &f
		}
		if key != "" {
			s.fields = append(s.fields, f)
		}
	}
	return s
}

// find returns the field for key.
func (s *shape) find(key string) (*field, bool) {
	i := slices.IndexFunc(s.fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return nil, false
	}
	return &s.fields[i], true
}

// keys returns the keys that may be written, in the order of the fields.
func (s *shape) keys() []string {
	keys := make([]string, len(s.fields))
	for i, f := range s.fields {
		keys[i] = f.key
	}
	return keys
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// plain reports whether a value of type t is written as one scalar.
func plain(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(unmarshalerType) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer:
		return false
	default:
		return true
	}
}

// want says what a value of type t is, and what one looks like.
func want(t reflect.Type) (what, such string) {
	switch {
	case plain(t) && t.Kind() == reflect.String:
		return "text", ""
	case plain(t):
		return "a plain value", "such as " + example(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return want(t.Elem())
	case reflect.Slice:
		return "a list", "such as [" + example(t.Elem()) + "]"
	case reflect.Map:
		return "a mapping", "such as {" + example(t.Key()) + ": " + example(t.Elem()) + "}"
	default:
		return "a mapping", "such as " + example(t)
	}
}

// example returns a value of type t as it would be written.
func example(t reflect.Type) string {
	switch {
	case t == durationType:
		return "10s"
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return "…"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return example(t.Elem())
	case reflect.Bool:
		return "true"
	case reflect.Float32, reflect.Float64:
		return "1.5"
	case reflect.String:
		return "…"
	case reflect.Slice, reflect.Map:
		return "…"
	case reflect.Struct:
		const few = 3
		s := shapeOf(t)
		keys := s.keys()
		if required := slices.DeleteFunc(slices.Clone(s.fields), func(f field) bool { return !f.required }); len(required) > 0 {
			keys = (&shape{fields: required}).keys()
		}
		for i := range keys {
			keys[i] += ": …"
		}
		return "{" + strings.Join(keys[:min(few, len(keys))], ", ") + "}"
	default:
		return "3"
	}
}
