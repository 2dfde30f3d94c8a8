package rules

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/intact-gateway/intact/gateway"
)

// The grammar of an expression:
//
//	expr    = and { "or" and }
//	and     = not { "and" not }
//	not     = "not" not | "(" expr ")" | test
//	test    = name [ op sum | "in" "[" word { "," word } "]" | ".bit(" number ")" ]
//	sum     = term { ("+" | "-") term }
//	term    = number [ unit ] | "$" param | word

// expr is a parsed condition. It is either a test or joins others.
type expr struct {
	join joinKind
	kids []*expr
	test test
}

type joinKind uint8

const (
	isTest joinKind = iota
	joinAnd
	joinOr
	joinNot
)

// test holds one point against something.
type test struct {
	name string
	op   operator
	sum  []term   // of a comparison
	list []string // of op opIn: words or numbers
	bit  int      // of op opBit
}

type operator uint8

const (
	opTrue operator = iota // the bare name of a discrete point
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opIn
	opBit
)

var operators = map[string]operator{
	"==": opEqual, "!=": opNotEqual, "<": opLess, "<=": opLessEqual, ">": opGreater, ">=": opGreaterEqual,
}

// term is one part of what a point is held against.
type term struct {
	minus    bool
	param    string // without the $
	word     string // true, false or the name of a state
	quantity gateway.Quantity
}

// maxDepth bounds how deep an expression may nest.
const maxDepth = 32

func parseExpr(s string) (*expr, error) {
	p := &parser{in: s}
	p.next()
	e := p.or(0)
	if p.err == nil && p.kind != tokEnd {
		p.fail("%q does not belong here", p.text)
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

// parseSum parses a limit such as "$high - 2 V".
func parseSum(s string) ([]term, error) {
	p := &parser{in: s}
	p.next()
	t := p.sum()
	if p.err == nil && p.kind != tokEnd {
		p.fail("%q does not belong here", p.text)
	}
	return t, p.err
}

type tokKind uint8

const (
	tokEnd tokKind = iota
	tokWord
	tokNumber
	tokParam
	tokSymbol
)

type parser struct {
	in   string
	at   int // where the token after the current one starts
	pos  int // where the current token starts
	kind tokKind
	text string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("character %d: %s", utf8.RuneCountInString(p.in[:p.pos])+1, fmt.Sprintf(format, args...))
	}
	p.kind, p.text = tokEnd, ""
	p.at = len(p.in)
}

func wordRune(r rune) bool {
	return r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// next moves to the next token.
func (p *parser) next() {
	rest := strings.TrimLeft(p.in[p.at:], " \t\n")
	p.pos = len(p.in) - len(rest)
	if rest == "" {
		p.kind, p.text, p.at = tokEnd, "", len(p.in)
		return
	}
	r, n := utf8.DecodeRuneInString(rest)
	switch {
	case r == '$':
		for n < len(rest) && wordRune(rune(rest[n])) {
			n++
		}
		p.kind = tokParam
	case unicode.IsDigit(r):
		for n < len(rest) && (wordRune(rune(rest[n])) && !unicode.IsLetter(rune(rest[n])) && rest[n] != '_') {
			n++
		}
		p.kind = tokNumber
	case wordRune(r):
		n = len(rest)
		if i := strings.IndexFunc(rest, func(r rune) bool { return !wordRune(r) }); i >= 0 {
			n = i
		}
		p.kind = tokWord
	default:
		if len(rest) > 1 && rest[1] == '=' && strings.ContainsRune("=!<>", r) {
			n = 2
		}
		p.kind = tokSymbol
	}
	p.text, p.at = rest[:n], p.pos+n
}

func (p *parser) is(text string) bool { return p.kind != tokEnd && p.text == text }

func (p *parser) want(text string) {
	if !p.is(text) {
		p.fail("%q is missing", text)
		return
	}
	p.next()
}

func (p *parser) or(depth int) *expr { return p.joined(joinOr, "or", depth, p.and) }

func (p *parser) and(depth int) *expr { return p.joined(joinAnd, "and", depth, p.not) }

func (p *parser) joined(join joinKind, word string, depth int, part func(int) *expr) *expr {
	e := part(depth)
	if !p.is(word) {
		return e
	}
	all := &expr{join: join, kids: []*expr{e}}
	for p.is(word) {
		p.next()
		all.kids = append(all.kids, part(depth))
	}
	return all
}

func (p *parser) not(depth int) *expr {
	if depth > maxDepth {
		p.fail("nested too deeply")
	}
	switch {
	case p.is("not"):
		p.next()
		return &expr{join: joinNot, kids: []*expr{p.not(depth + 1)}}
	case p.is("("):
		p.next()
		e := p.or(depth + 1)
		p.want(")")
		return e
	}
	return &expr{test: p.test()}
}

func (p *parser) test() test {
	if p.kind != tokWord {
		p.fail("the name of a point is missing")
		return test{}
	}
	t := test{name: p.text}
	p.next()
	if base, ok := strings.CutSuffix(t.name, ".bit"); ok && p.is("(") {
		t.name, t.op = base, opBit
		p.next()
		n, err := strconv.Atoi(p.text)
		if err != nil || n < 0 || n > 63 {
			p.fail("want a bit number from 0 to 63")
		}
		t.bit = n
		p.next()
		p.want(")")
		return t
	}
	if op, ok := operators[p.text]; ok && p.kind == tokSymbol {
		t.op = op
		p.next()
		t.sum = p.sum()
		return t
	}
	if p.is("in") {
		t.op = opIn
		p.next()
		t.list = p.list()
		return t
	}
	if p.kind == tokSymbol && !p.is(")") {
		p.fail("%q is no comparison: want ==, !=, <, <=, >, >= or in", p.text)
	}
	return t
}

func (p *parser) list() (words []string) {
	p.want("[")
	for p.err == nil {
		if p.kind != tokWord && p.kind != tokNumber {
			p.fail("want the name of a state or a number")
			return nil
		}
		words = append(words, p.text)
		p.next()
		if !p.is(",") {
			break
		}
		p.next()
	}
	p.want("]")
	return words
}

func (p *parser) sum() []term {
	terms := []term{p.term(false)}
	for p.is("+") || p.is("-") {
		minus := p.is("-")
		p.next()
		terms = append(terms, p.term(minus))
	}
	return terms
}

func (p *parser) term(minus bool) term {
	if p.is("-") {
		p.next()
		minus = !minus
	}
	t := term{minus: minus}
	switch p.kind {
	case tokParam:
		t.param = p.text[1:]
		if t.param == "" {
			p.fail("the name of a param is missing after $")
		}
		p.next()
	case tokWord:
		t.word = p.text
		p.next()
	case tokNumber:
		v, err := strconv.ParseFloat(p.text, 64)
		if err != nil {
			p.fail("%q is not a number", p.text)
			return t
		}
		t.quantity.Value = v
		p.next()
		t.quantity.Unit = p.unit()
	default:
		p.fail("a number, a $param or the name of a state is missing")
	}
	return t
}

// unit takes the unit that follows a number, if one does. Units may hold signs
// that are no letters, such as "m3/h" or "%LEL", so it reads up to the next
// blank, bracket or comma.
func (p *parser) unit() string {
	if p.kind == tokEnd || p.is("and") || p.is("or") || p.kind == tokSymbol && p.text != "%" {
		return ""
	}
	rest := p.in[p.pos:]
	if n := strings.IndexAny(rest, " \t\n),]"); n >= 0 {
		rest = rest[:n]
	}
	if !gateway.ValidUnit(rest) {
		p.fail("unknown unit %q", rest)
		return ""
	}
	p.at = p.pos + len(rest)
	p.next()
	return rest
}
