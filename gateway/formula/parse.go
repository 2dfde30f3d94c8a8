package formula

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/intact-gateway/intact/gateway"
)

// The grammar, in which && stands for "and", || for "or" and ! for "not":
//
//	expr    = and { "or" and }
//	and     = not { "and" not }
//	not     = "not" not | compare
//	compare = sum [ op sum | "in" "[" word { "," word } "]" ]
//	sum     = product { ("+" | "-") product }
//	product = factor { ("*" | "/") factor }
//	factor  = "-" factor | "(" expr ")" | number [ unit ] | "$" param | name
//	        | name ".bit(" number ")" | function "(" expr { "," expr } ")"
//	        | "held(" expr "," number "of" number "in" factor ")"
//
// A name may be one of another facility: "peer(" facility ")." name.

// What an expression may be at most. Nobody can read a larger one.
const (
	maxDepth = 32
	maxParts = 200
	divide   = "divide it into several derived points or rules"
)

// peer is the name of a point of another facility. A facility may have a "-" in
// its name, which elsewhere is a minus.
var peer = regexp.MustCompile(`^peer\([a-z0-9][a-z0-9-]*\)\.[\pL\pN_.]+`)

// Held is the function of a condition, two counts and a time: held(x > 3 V, 4 of 6
// in 1min).
const Held = "held"

var comparisons = map[string]Op{
	"==": Equal, "!=": NotEqual, "<": Less, "<=": LessEqual, ">": Greater, ">=": GreaterEqual,
}

// Parse reads an expression. The error is an *Error.
func Parse(s string) (*Expr, error) {
	p := newParser(s)
	e := p.or()
	return e, p.finish()
}

// ParseSum reads a sum such as "$high - 2 V". The error is an *Error.
func ParseSum(s string) (*Expr, error) {
	p := newParser(s)
	e := p.sum()
	return e, p.finish()
}

// Rename returns the expression s, which Parse has read, with other names of
// points.
func Rename(s string, name func(string) string) string {
	var out strings.Builder
	p := newParser(s)
	written := 0
	for p.kind != tokEnd {
		if p.kind == tokWord {
			out.WriteString(s[written:p.pos])
			out.WriteString(name(p.text))
			written = p.at
		}
		p.next()
	}
	out.WriteString(s[written:])
	return out.String()
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
	in    string
	at    int // where the token after the current one starts
	pos   int // where the current token starts
	kind  tokKind
	text  string
	depth int
	parts int
	err   *Error
}

func newParser(s string) *parser {
	p := &parser{in: s}
	p.next()
	return p
}

// finish returns the first mistake, of which one is that something is left over.
func (p *parser) finish() error {
	if p.err == nil && p.kind != tokEnd {
		p.fail("", "%q does not belong here", p.text)
	}
	if p.err != nil {
		return p.err
	}
	return nil
}

func (p *parser) fail(hint, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{At: p.character(), Problem: fmt.Sprintf(format, args...), Hint: hint}
	}
	p.kind, p.text = tokEnd, ""
	p.at = len(p.in)
}

// character returns the place of the current token, as people count.
func (p *parser) character() int { return utf8.RuneCountInString(p.in[:p.pos]) + 1 }

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
		n = max(n, len(peer.FindString(rest)))
		p.kind = tokWord
	default:
		if len(rest) > 1 && (rest[1] == '=' && strings.ContainsRune("=!<>", r) || rest[:2] == "&&" || rest[:2] == "||") {
			n = 2
		}
		p.kind = tokSymbol
	}
	p.text, p.at = rest[:n], p.pos+n
}

func (p *parser) is(words ...string) bool {
	for _, w := range words {
		if p.kind != tokEnd && p.text == w {
			return true
		}
	}
	return false
}

func (p *parser) want(text string) {
	if !p.is(text) {
		p.fail("", "%q is missing", text)
		return
	}
	p.next()
}

// count takes one more part into account.
func (p *parser) count() {
	if p.parts++; p.parts > maxParts {
		p.fail(divide, "the expression has more than %d parts", maxParts)
	}
}

// node begins an expression at the current token.
func (p *parser) node(op Op, parts ...*Expr) *Expr {
	p.count()
	return &Expr{Op: op, At: p.character(), Parts: parts}
}

// nested runs what is one level further in.
func (p *parser) nested(inner func() *Expr) *Expr {
	if p.depth++; p.depth > maxDepth {
		p.fail(divide, "nested more than %d deep", maxDepth)
		return new(Expr)
	}
	e := inner()
	p.depth--
	return e
}

func (p *parser) or() *Expr { return p.joined(Or, p.and, "or", "||") }

func (p *parser) and() *Expr { return p.joined(And, p.not, "and", "&&") }

// joined reads parts with one of the words between them.
func (p *parser) joined(op Op, part func() *Expr, words ...string) *Expr {
	e := part()
	if !p.is(words...) {
		return e
	}
	all := p.node(op, e)
	for p.is(words...) {
		p.next()
		all.Parts = append(all.Parts, part())
	}
	return all
}

func (p *parser) not() *Expr {
	if !p.is("not", "!") {
		return p.compare()
	}
	e := p.node(Not)
	p.next()
	e.Parts = []*Expr{p.nested(p.not)}
	return e
}

func (p *parser) compare() *Expr {
	left := p.sum()
	if op, ok := comparisons[p.text]; ok && p.kind == tokSymbol {
		e := p.node(op, left)
		p.next()
		e.Parts = append(e.Parts, p.sum())
		return e
	}
	if p.is("in") {
		e := p.node(In, left)
		p.next()
		e.List = p.list()
		return e
	}
	if p.kind == tokSymbol && !p.is(")", ",", "&&", "||") {
		p.fail("", "%q is no comparison: want ==, !=, <, <=, >, >= or in", p.text)
	}
	return left
}

func (p *parser) list() (words []string) {
	p.want("[")
	for p.err == nil {
		if p.kind != tokWord && p.kind != tokNumber {
			p.fail("", "want the name of a state or a number")
			return nil
		}
		words = append(words, p.text)
		p.count()
		p.next()
		if !p.is(",") {
			break
		}
		p.next()
	}
	p.want("]")
	return words
}

func (p *parser) sum() *Expr { return p.chain(p.product, map[string]Op{"+": Add, "-": Sub}) }

func (p *parser) product() *Expr { return p.chain(p.factor, map[string]Op{"*": Mul, "/": Div}) }

// chain reads parts with operators between them, of which the left ones come
// first.
func (p *parser) chain(part func() *Expr, ops map[string]Op) *Expr {
	e := part()
	for p.kind == tokSymbol {
		op, ok := ops[p.text]
		if !ok {
			break
		}
		e = p.node(op, e)
		p.next()
		e.Parts = append(e.Parts, part())
	}
	return e
}

func (p *parser) factor() *Expr {
	switch {
	case p.is("-"):
		e := p.node(Neg)
		p.next()
		e.Parts = []*Expr{p.nested(p.factor)}
		return e
	case p.is("("):
		p.next()
		e := p.nested(p.or)
		p.want(")")
		return e
	case p.kind == tokWord:
		return p.word()
	case p.kind == tokNumber:
		return p.number()
	case p.kind == tokParam:
		e := p.node(Param)
		if e.Name = p.text[1:]; e.Name == "" {
			p.fail("", "the name of a param is missing after $")
		}
		p.next()
		return e
	}
	p.fail("", "the name of a point or state, a number or a $param is missing")
	return new(Expr)
}

// word reads what begins with a word: a name, a bit or a function.
func (p *parser) word() *Expr {
	e := p.node(Name)
	e.Name = p.text
	p.next()
	if !p.is("(") {
		return e
	}
	p.next()
	if base, ok := strings.CutSuffix(e.Name, ".bit"); ok {
		e.Op, e.Name = Bit, base
		n, err := strconv.Atoi(p.text)
		if err != nil || n < 0 || n > 63 {
			p.fail("", "want a bit number from 0 to 63")
		}
		e.Bit = n
		p.next()
	} else {
		e.Op = Call
		e.Parts = append(e.Parts, p.nested(p.or))
		if e.Name == Held {
			p.looks(e)
		}
		for p.is(",") {
			p.next()
			e.Parts = append(e.Parts, p.nested(p.or))
		}
	}
	p.want(")")
	return e
}

// looks reads the rest of a call of Held.
func (p *parser) looks(e *Expr) {
	p.want(",")
	for _, word := range []string{"of", "in"} {
		n := p.node(Number)
		count, err := strconv.Atoi(p.text)
		if err != nil {
			p.fail("such as held(x > 3 V, 4 of 6 in 1min)", "want a number of looks in front of %q", word)
		}
		n.Number.Value = float64(count)
		p.next()
		p.want(word)
		e.Parts = append(e.Parts, n)
	}
	e.Parts = append(e.Parts, p.factor())
}

func (p *parser) number() *Expr {
	e := p.node(Number)
	v, err := strconv.ParseFloat(p.text, 64)
	if err != nil {
		p.fail("", "%q is not a number", p.text)
		return e
	}
	p.next()
	e.Number = gateway.Quantity{Value: v, Unit: p.unit()}
	return e
}

// unit takes the unit that follows a number, if one does. Units may hold signs
// that are no letters, such as "m3/h" or "%LEL", so it reads up to the next
// blank, bracket or comma.
func (p *parser) unit() string {
	if p.kind == tokEnd || p.is("and", "or") || p.kind == tokSymbol && p.text != "%" {
		return ""
	}
	rest := p.in[p.pos:]
	if n := strings.IndexAny(rest, " \t\n),]"); n >= 0 {
		rest = rest[:n]
	}
	if !gateway.ValidUnit(rest) {
		p.fail("units are "+strings.Join(gateway.Units(), ", "), "unknown unit %q", rest)
		return ""
	}
	p.at = p.pos + len(rest)
	p.next()
	return rest
}
