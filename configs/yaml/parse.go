package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The parser takes time that grows with the square of the nesting and of the
// keys of one mapping, so both are measured on the tokens before it runs.
const (
	maxDepth  = 32
	maxKeys   = 10_000
	maxTokens = 500_000 // about 15,000 facilities
)

// parse returns the bodies of the documents in src, or why it is refused.
func parse(file string, src []byte) (bodies []ast.Node, problems []Problem) {
	refuse := func(line, col int, message, hint string) {
		problems = append(problems, Problem{Position: Position{file, line, col}, Message: message, Hint: hint})
	}
	if len(src) > MaxBytes {
		refuse(1, 1, fmt.Sprintf("the file is larger than %d MiB", MaxBytes>>20), "divide it, and name the parts under include")
		return nil, problems
	}
	if i := firstInvalid(src); i >= 0 {
		line, start := 1+bytes.Count(src[:i], []byte("\n")), bytes.LastIndexByte(src[:i], '\n')+1
		refuse(line, 1+utf8.RuneCount(src[start:i]), "the text is not UTF-8", "save the file as UTF-8")
		return nil, problems
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	defer func() {
		// The library is not ours: a file that breaks it is refused like any other.
		if r := recover(); r != nil {
			bodies, problems = nil, nil
			refuse(1, 1, "the file cannot be read as YAML", "look for unusual characters")
		}
	}()
	tokens := lexer.Tokenize(text)
	if measure(tokens, refuse); len(problems) > 0 {
		return nil, problems
	}
	// Keys given twice are left to index, which reports all of them.
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		message, hint, line, col := explain(err, text)
		refuse(line, col, message, hint)
		return nil, problems
	}
	for _, doc := range f.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	return bodies, nil
}

// firstInvalid returns the offset of the first byte that is not UTF-8 or is a
// control character that no text holds, or -1.
func firstInvalid(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return i
		}
		i += n
	}
	return -1
}

// refused says what is not allowed and what to do instead.
var refused = map[token.Type][2]string{
	token.AnchorType:     {"anchors (&) are not allowed", "write the value out; quote it if it is text"},
	token.AliasType:      {"aliases (*) are not allowed", "write the value out; quote it if it is text"},
	token.TagType:        {"tags (!) are not allowed", "quote the value if it is text"},
	token.MergeKeyType:   {"merge keys (<<) are not allowed", "write the keys out"},
	token.MappingKeyType: {"explicit keys (?) are not allowed", "write key: value"},
	token.DirectiveType:  {"directives (%) are not allowed", "take the line out"},
}

// block is a block mapping or list that is open while tokens are measured.
type block struct {
	column int
	list   bool
	keys   int
}

// measure refuses what the parser must not be given.
func measure(tokens token.Tokens, refuse func(line, col int, message, hint string)) {
	if len(tokens) > maxTokens {
		refuse(1, 1, "the file holds too many values", "divide it, and name the parts under include")
		return
	}
	var blocks []block
	flow := 0
	for _, tk := range tokens {
		line, col := tk.Position.Line, tk.Position.Column
		if why, ok := refused[tk.Type]; ok {
			refuse(line, col, why[0], why[1])
			continue
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(0, flow-1)
		case token.DocumentHeaderType: // nothing stays open from one document to the next
			blocks = blocks[:0]
		case token.SequenceEntryType:
			if flow == 0 {
				blocks = enter(blocks, col, true)
			}
		case token.MappingValueType:
			if tk.Prev != nil && flow == 0 {
				blocks = enter(blocks, tk.Prev.Position.Column, false)
			}
		}
		switch {
		case flow+len(blocks) > maxDepth:
			refuse(line, col, fmt.Sprintf("more than %d levels deep", maxDepth), "is a bracket missing?")
			return
		case len(blocks) > 0 && blocks[len(blocks)-1].keys > maxKeys:
			refuse(line, col, fmt.Sprintf("more than %d keys in one mapping", maxKeys), "divide it, and name the parts under include")
			return
		}
	}
}

// enter returns the open blocks after an entry of a mapping or list at column.
func enter(blocks []block, column int, list bool) []block {
	for len(blocks) > 0 {
		top := &blocks[len(blocks)-1]
		if top.column < column || top.column == column && list && !top.list {
			break // a list may stand at the column of the key it belongs to
		}
		if top.column == column && top.list == list {
			if !list {
				top.keys++
			}
			return blocks
		}
		blocks = blocks[:len(blocks)-1]
	}
	return append(blocks, block{column: column, list: list})
}

// reasons explains what the parser says to people who do not write parsers.
var reasons = []struct{ says, message, hint string }{
	{"could not find end character", "the quote that opens here is never closed", "close it on the same line"},
	{"sequence end token ']' not found", "the list that opens here is never closed", "close it with ]"},
	{"could not find flow map", "the mapping that opens here is never closed", "close it with }"},
	{"',' or ']' must be specified", "expected , or ] here", "close the list with ], or quote text that holds [ ] { } or ,"},
	{"',' or '}' must be specified", "expected , or } here", "close the mapping with }, or quote text that holds { } [ ] or ,"},
	{"could not find map value", "a key without a value", "write key: value"},
	{"tab character", "a tab is used to indent", "indent with spaces"},
	{"cannot start any token", "a tab or a reserved character begins this text", "indent with spaces; quote text that begins with @ or `"},
	{"invalid header option", "text that begins with > or | means a block of lines", "quote it"},
	{"mapping value is not allowed", "a second key: on this line, or a line indented further than its neighbours", "indent keys of one block alike; quote text that holds a colon and a space"},
	{"value is not allowed in this context", "this line does not fit the ones above it", "indent keys of one block alike, and list items with - alike"},
	{"non-map value is specified", "expected key: value here", "write key: value, or indent the line as part of the value above"},
	{"invalid key", "a list or mapping cannot be a key", "quote text that begins with [ or {"},
}

// explain turns the parser's error into words and a place.
func explain(err error, text string) (message, hint string, line, col int) {
	message, hint, line, col = "the file cannot be read as YAML", "", 1, 1
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		return message, hint, line, col
	}
	message = syntax.Message
	for _, r := range reasons {
		if strings.Contains(syntax.Message, r.says) {
			message, hint = r.message, r.hint
			break
		}
	}
	if tk := syntax.Token; tk != nil && tk.Position != nil {
		line, col = max(1, tk.Position.Line), max(1, tk.Position.Column)
	}
	if strings.Contains(lineOf(text, line), "${") {
		hint = "inside { } and [ ] put \"${NAME}\" in quotes"
	}
	return message, hint, line, col
}

// lineOf returns line number n of text.
func lineOf(text string, n int) string {
	for line := range strings.Lines(text) {
		if n--; n == 0 {
			return line
		}
	}
	return ""
}
