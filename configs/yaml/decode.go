package yaml

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/intact-gateway/intact/gateway"
)

// Decode puts the document into v, a pointer, as the tags of its type say, and
// takes note of every mistake. What is not written keeps its value in v, so
// defaults are put there before.
func (d *Document) Decode(v any) {
	d.value(d.body, reflect.ValueOf(v).Elem(), "", field{})
}

// DecodeKeyed puts the mapping at path into v, a pointer to a slice of structs
// that keep their key: an entry that v has already is changed, new ones come
// behind. Without anything at path v stays as it is.
func (d *Document) DecodeKeyed(path string, v any) {
	if p, ok := d.places[path]; ok {
		d.value(p.node, reflect.ValueOf(v).Elem(), path, field{keyed: true})
	}
}

// value decodes n into v. The tags of the field that v is say how.
func (d *Document) value(n ast.Node, v reflect.Value, path string, f field) {
	if _, null := n.(*ast.NullNode); null {
		d.fail(d.At(path), path, "no value is given", "write one behind the colon, or take the line out")
		return
	}
	if plain(v.Type()) {
		d.scalar(n, v, path, f)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, f)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		if f.keyed {
			d.keyed(n, v, path)
		} else {
			d.list(n, v, path, f)
		}
	case reflect.Map:
		d.mapping(n, v, path)
	}
}

// mismatch reports that n is not what the type t is written as.
func (d *Document) mismatch(n ast.Node, t reflect.Type, path string) {
	what, such := want(t)
	d.fail(d.start(n), path, fmt.Sprintf("want %s, got %s", what, describe(n)), such)
}

// describe says what n is, for people. A scalar is shown as it is written, so
// that what stands in the environment is not.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	default:
		text, _ := textOf(n)
		const most = 60
		if r := []rune(text); len(r) > most {
			text = string(r[:most]) + "…"
		}
		return strconv.Quote(text)
	}
}

// structure decodes a mapping into a struct, or a scalar into the field of the
// struct that takes it.
func (d *Document) structure(n ast.Node, v reflect.Value, path string) {
	s := shapeOf(v.Type())
	m, ok := n.(*ast.MappingNode)
	if !ok {
		if _, isList := n.(*ast.SequenceNode); s.scalar != nil && !isList {
			d.value(n, v.FieldByIndex(s.scalar.index), path, *s.scalar)
			return
		}
		d.mismatch(n, v.Type(), path)
		return
	}
	given := make(map[string]bool, len(m.Values))
	for _, entry := range m.Values {
		key := keyOf(entry)
		if given[key] {
			continue // index has reported it
		}
		given[key] = true
		if f, known := s.find(key); known {
			d.value(entry.Value, v.FieldByIndex(f.index), join(path, key), *f)
		} else {
			d.unknown(entry, path, s.keys())
		}
	}
	for _, f := range s.fields {
		if at := join(path, f.key); f.required && !given[f.key] && !d.failed[at] {
			d.fail(d.At(at), at, fmt.Sprintf("key %q is missing", f.key), "such as "+f.key+": "+example(f.typ))
		}
	}
}

// unknown reports a key that nothing takes. The key that was probably meant
// counts as failed, too, so that nobody also reports it as missing.
func (d *Document) unknown(entry *ast.MappingValueNode, path string, known []string) {
	key := keyOf(entry)
	hint := Suggest(key, known)
	if near := nearest(key, known); near != "" {
		d.failed[join(path, near)] = true
	} else if tk := entry.Value.GetToken(); tk != nil && tk.Type == token.ImplicitNullType {
		hint = "quote text that holds a comma; a list is written [a, b]; " + hint
	}
	d.fail(d.start(entry.Key), join(path, key), fmt.Sprintf("unknown key %q", key), hint)
}

// keyed decodes a mapping into a slice of structs that keep their key. An entry
// that v has already is changed where it stands, new ones come behind.
func (d *Document) keyed(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fail(d.start(n), path, "want a mapping, got "+describe(n), fmt.Sprintf("such as {name: %s}", example(v.Type().Elem())))
		return
	}
	key := shapeOf(v.Type().Elem()).key
	given := make(map[string]bool, len(m.Values))
	all := reflect.MakeSlice(v.Type(), 0, v.Len()+len(m.Values))
	all = reflect.AppendSlice(all, v) // v may be shared with what it was copied from
	at := make(map[string]int, all.Len())
	for i := range all.Len() {
		at[all.Index(i).FieldByIndex(key).String()] = i
	}
	for _, entry := range m.Values {
		name := keyOf(entry)
		if given[name] {
			continue
		}
		given[name] = true
		i, known := at[name]
		if !known {
			i = all.Len()
			all = reflect.Append(all, reflect.New(v.Type().Elem()).Elem())
			all.Index(i).FieldByIndex(key).SetString(name)
		}
		d.value(entry.Value, all.Index(i), join(path, name), field{})
	}
	v.Set(all)
}

// list decodes a list; a lone scalar counts as a list of one.
func (d *Document) list(n ast.Node, v reflect.Value, path string, f field) {
	element := func(n ast.Node, path string) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(n, e, path, field{secret: f.secret, file: f.file})
		v.Set(reflect.Append(v, e))
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 1))
	switch n := n.(type) {
	case *ast.SequenceNode:
		for i, item := range n.Values {
			element(item, nth(path, i))
		}
	case *ast.MappingNode:
		d.mismatch(n, v.Type(), path)
	default:
		element(n, path)
	}
}

// mapping decodes a mapping into a map, whose keys are text or whole numbers.
func (d *Document) mapping(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.mismatch(n, v.Type(), path)
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(m.Values)))
	for _, entry := range m.Values {
		at := join(path, keyOf(entry))
		key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if m := setNumberOrText(key, keyOf(entry)); m != (misfit{}) {
			d.fail(d.start(entry.Key), at, m.message, m.hint)
			continue
		}
		if v.MapIndex(key).IsValid() {
			if !d.failed[at] { // not the same key, but the same number: 16 and 0x10
				d.fail(d.start(entry.Key), at, fmt.Sprintf("key %q is given twice", keyOf(entry)), "keep one of them")
			}
			continue
		}
		d.value(entry.Value, element, at, field{})
		v.SetMapIndex(key, element)
	}
}

// scalar decodes a plain value.
func (d *Document) scalar(n ast.Node, v reflect.Value, path string, f field) {
	raw, ok := textOf(n)
	if !ok {
		d.mismatch(n, v.Type(), path)
		return
	}
	at := d.start(n)
	// The message must not hold the secret: it may go into a log or a ticket.
	if f.secret && !onlyEnv(raw) {
		d.fail(at, path, "a secret must not be written into the file", "write ${NAME} and set NAME in the environment, or name a file with "+lastKey(path)+"_file")
		return
	}
	text, ok := d.expand(at, path, raw)
	if !ok {
		return
	}
	if f.secret && text == "" {
		d.fail(at, path, fmt.Sprintf("the environment variable of %s is empty", raw), "")
		return
	}
	if f.file && text != "" {
		if !filepath.IsAbs(text) { // as seen from where it is written
			text = filepath.Join(d.dir, filepath.Dir(d.file), text)
		}
		d.files = append(d.files, File{path, text})
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			d.fail(at, path, err.Error(), hintOf(v.Type()))
		}
		return
	}
	if m := setScalar(v, text); m != (misfit{}) {
		d.fail(at, path, m.message, m.hint)
	}
}

// hintOf returns what helps with a text that the type t does not understand.
func hintOf(t reflect.Type) string {
	if t == reflect.TypeFor[gateway.Quantity]() {
		return "units are " + strings.Join(gateway.Units(), ", ")
	}
	return ""
}

// textOf returns a scalar as it is written, without its quotes.
func textOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.NullNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}
