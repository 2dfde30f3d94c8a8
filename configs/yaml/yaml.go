// Package yaml reads the YAML that people write for the gateway and tells them
// of every mistake at once, each with its place in the file and how to mend it.
//
// It accepts what configuration needs: mappings, lists and plain values. What
// makes YAML surprising is refused: anchors, aliases, tags, merge keys, explicit
// keys, directives, keys given twice, values left out. A plain value has no type
// of its own; the field that takes it says what it must be, so that "no", 017
// and 8E1 are never taken for something else.
//
// The package knows no meaning. Owners check the decoded values and report by
// path; the Document turns paths into places.
package yaml

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// MaxBytes is the size of the largest file that is read.
const MaxBytes = 4 << 20

// Position is a place in a file. Line and column count from 1; a column is one
// character, whatever its width.
type Position struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

// Problem is one mistake in a file.
type Problem struct {
	Position
	Path    string `json:"path"` // to the key, such as "facilities[3].unit"
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // how to mend it
}

// String returns the problem as one line: "file:line:col: message (hint)".
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Options say how a file is read.
type Options struct {
	// Env gives the values that stand for ${NAME} in scalars. With nil, "${"
	// means nothing.
	Env func(name string) (value string, ok bool)
	// Dir is the folder of the machine that names of YAML files begin at. Files
	// that they name are looked for from there; "" for the working directory.
	Dir string
	// Many allows several documents, parted by lines "---".
	Many bool
}

// Document is one YAML document with the mistakes found in it so far.
type Document struct {
	file     string
	dir      string // as Options.Dir
	env      func(string) (string, bool)
	body     ast.Node
	places   map[string]place // by path
	failed   map[string]bool  // paths of the mistakes that decoding found, and of keys they stand for
	broken   map[string]bool  // the paths just above them
	expanded []expansion
	files    []File
	problems []Problem
}

// place is where a value and its key are.
type place struct {
	key, value Position
	scalar     bool
	node       ast.Node
}

// Read parses a file. If it is no YAML, or YAML of the kind that is refused, the
// problems say where and there is no document; otherwise there is at least one.
func Read(file string, src []byte, o Options) ([]*Document, []Problem) {
	bodies, problems := parse(file, src)
	if len(problems) > 0 {
		return nil, problems
	}
	if len(bodies) == 0 {
		return nil, []Problem{{Position: Position{file, 1, 1}, Message: "the file is empty"}}
	}
	var docs []*Document
	for i, body := range bodies {
		d := &Document{
			file: file, dir: o.Dir, env: o.Env, body: body,
			places: make(map[string]place), failed: make(map[string]bool), broken: make(map[string]bool),
		}
		if i > 0 && !o.Many {
			docs[0].add(Problem{Position: d.start(body), Message: "a second document begins here", Hint: "take out the line ---, or put this part into a file of its own"})
			break
		}
		d.index(body, "", d.start(body))
		docs = append(docs, d)
	}
	return docs, nil
}

// Problems returns the mistakes found so far in the order of the file, each
// once.
func (d *Document) Problems() []Problem {
	slices.SortFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Hint, b.Hint))
	})
	d.problems = slices.Compact(d.problems)
	return d.problems
}

// Report takes a mistake that the owner of the values has found. It is a
// gateway.Report. What only follows from a mistake that decoding has found in
// the same place is left out: once that is mended, it is gone.
func (d *Document) Report(path, message, hint string) {
	if !d.Failed(path) {
		d.add(d.Problem(path, message, hint))
	}
}

// Problem returns a mistake at path without taking note of it. Values that came
// from the environment are shown by their names.
func (d *Document) Problem(path, message, hint string) Problem {
	if key := lastKey(path); key != "" && !mentions(message, key) {
		message = key + ": " + message
	}
	return Problem{Position: d.At(path), Path: path, Message: d.redact(path, message), Hint: d.redact(path, hint)}
}

// Failed reports whether decoding found a mistake that leaves the value at path
// in doubt: there, in what it is part of, or in one of its own keys.
func (d *Document) Failed(path string) bool {
	if d.broken[path] {
		return true
	}
	for ; ; path = parent(path) {
		if d.failed[path] {
			return true
		}
		if path == "" {
			return false
		}
	}
}

// File is a value that names a file.
type File struct{ Path, Name string }

// Files returns the values of the fields tagged "file".
func (d *Document) Files() []File { return d.files }

// At returns the place of path, or that of the nearest thing around it that is
// there: of a plain value the value, of anything else its key.
func (d *Document) At(path string) Position {
	for {
		if p, ok := d.places[path]; ok {
			if p.scalar {
				return p.value
			}
			return p.key
		}
		if path == "" {
			return Position{d.file, 1, 1}
		}
		path = parent(path)
	}
}

// Has reports whether something is written at path.
func (d *Document) Has(path string) bool { _, ok := d.places[path]; return ok }

// Text returns the plain value at path as it is written, "" if there is none.
func (d *Document) Text(path string) string {
	if !d.Has(path) {
		return ""
	}
	text, _ := textOf(d.places[path].node)
	return text
}

// fail takes a mistake that decoding has found.
func (d *Document) fail(at Position, path, message, hint string) {
	d.failed[path] = true
	d.broken[parent(path)] = true
	p := d.Problem(path, message, hint)
	p.Position = at
	d.add(p)
}

func (d *Document) add(p Problem) { d.problems = append(d.problems, p) }

// index notes the place of everything below n and reports keys that are given
// twice.
func (d *Document) index(n ast.Node, path string, key Position) {
	p := place{key: key, value: d.start(n), node: n}
	switch n := n.(type) {
	case *ast.MappingNode:
		first := make(map[string]Position, len(n.Values))
		for _, entry := range n.Values {
			name, at := keyOf(entry), d.start(entry.Key)
			if before, twice := first[name]; twice {
				// The first one counts, and what it holds is checked like anything else.
				d.add(Problem{at, join(path, name), fmt.Sprintf("key %q is given twice", name), fmt.Sprintf("the first is in line %d; keep one of them", before.Line)})
				continue
			}
			first[name] = at
			d.index(entry.Value, join(path, name), at)
		}
	case *ast.SequenceNode:
		for i, item := range n.Values {
			d.index(item, nth(path, i), d.start(item))
		}
	case *ast.NullNode:
		p.value = key // a value that is left out has no place of its own
	default:
		p.scalar = true
	}
	d.places[path] = p
}

// start returns where n begins.
func (d *Document) start(n ast.Node) Position {
	tk := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		tk = m.Values[0].Key.GetToken() // its own token is the colon behind that
	}
	if tk == nil || tk.Position == nil {
		return Position{d.file, 1, 1}
	}
	return Position{d.file, tk.Position.Line, tk.Position.Column}
}

func keyOf(entry *ast.MappingValueNode) string { return entry.Key.GetToken().Value }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func nth(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent returns the path of what path is part of.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// lastKey returns the key at the end of path, "" for the root and for an item
// of a list.
func lastKey(path string) string { return path[strings.LastIndexAny(path, ".]")+1:] }

// mentions reports whether word stands in text as a word of its own.
func mentions(text, word string) bool {
	for start := 0; ; {
		i := strings.Index(text[start:], word)
		if i < 0 {
			return false
		}
		i += start
		end := i + len(word)
		if (i == 0 || !wordByte(text[i-1])) && (end == len(text) || !wordByte(text[end])) {
			return true
		}
		start = i + 1
	}
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
