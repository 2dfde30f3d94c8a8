package yaml_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
)

// thing has a field of every kind that configuration uses.
type thing struct {
	Name     string             `yaml:"name,required"`
	On       bool               `yaml:"on"`
	Count    int                `yaml:"count"`
	Small    *int8              `yaml:"small"`
	Size     uint16             `yaml:"size"`
	Scale    float64            `yaml:"scale"`
	Every    time.Duration      `yaml:"every"`
	Limit    gateway.Quantity   `yaml:"limit"`
	Tags     []string           `yaml:"tags"`
	Range    []float64          `yaml:"range"`
	Want     map[string]float64 `yaml:"want"`
	Codes    map[int64]choice   `yaml:"codes"`
	Parts    []part             `yaml:"parts,keyed"`
	Rule     *condition         `yaml:"rule"`
	Token    string             `yaml:"token,secret"`
	Key      string             `yaml:"key_file,file"`
	extended `yaml:",inline"`
	Hidden   string
}

type extended struct {
	Text gateway.Text `yaml:"text"`
}

type choice struct {
	Name string `yaml:"name,scalar"`
	ZH   string `yaml:"zh"`
}

type part struct {
	ID   string `yaml:",key"`
	Size int    `yaml:"size,required"`
}

type condition struct {
	Expr string      `yaml:",scalar"`
	All  []condition `yaml:"all"`
	Not  *condition  `yaml:"not"`
}

func decode(t *testing.T, src string, env map[string]string) (thing, *yaml.Document, string) {
	t.Helper()
	o := yaml.Options{}
	if env != nil {
		o.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	}
	docs, problems := yaml.Read("f", []byte(src), o)
	var v thing
	if len(docs) == 0 {
		return v, nil, lines(problems)
	}
	docs[0].Decode(&v)
	return v, docs[0], lines(docs[0].Problems())
}

func lines(problems []yaml.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

func TestEveryKindOfValueIsDecoded(t *testing.T) {
	got, _, problems := decode(t, `
name: 017              # text is what is written
on: true
count: 0x10
small: -3
size: "65535"
scale: 1.5e-3
every: 1h30min
limit: 235.4 V
tags: alone
range: [0, .inf]
want: {a: 1, b: .nan}
codes: {0: none, 0x0A: {name: ten, zh: 十}}
parts:
  zebra: {size: 1}
  ant: {size: 2}
rule:
  all:
    - level > 1.5 m
    - not: fault == true
key_file: /etc/key
text: {zh: 湖畔, en: "Lake: side"}
`, nil)
	want := thing{
		Name: "017", On: true, Count: 16, Small: new(int8(-3)), Size: 65535, Scale: 0.0015, Every: 90 * time.Minute,
		Limit: gateway.Quantity{Value: 235.4, Unit: "V"}, Tags: []string{"alone"}, Range: []float64{0, math.Inf(1)},
		Want: map[string]float64{"a": 1, "b": math.NaN()}, Codes: map[int64]choice{0: {Name: "none"}, 10: {Name: "ten", ZH: "十"}},
		Parts: []part{{"zebra", 1}, {"ant", 2}},
		Rule:  &condition{All: []condition{{Expr: "level > 1.5 m"}, {Not: &condition{Expr: "fault == true"}}}},
		Key:   "/etc/key", extended: extended{gateway.Text{ZH: "湖畔", EN: "Lake: side"}},
	}
	if problems != "" {
		t.Fatalf("problems:\n%s", problems)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(thing{}), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestMistakesAreReportedWithTheirPlace(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"an unknown key near a known one", "name: x\ncuont: 3\n", `f:2:1: unknown key "cuont" (did you mean "count"? known: name, on, count, small, size, scale, every, limit, tags, range, want, codes, parts, rule, token, key_file, text)`},
		{"an unknown key near nothing", "name: x\nparts: {a: {size: 1, colour: red}}\n", `f:2:22: unknown key "colour" (known: size)`},
		{"a list without brackets", "name: x\ntext: {zh: a, b}\n", `f:2:15: unknown key "b" (quote text that holds a comma; a list is written [a, b]; known: zh, en)`},
		{"a misspelt key that is required is not also missing", "nmae: x\n", `f:1:1: unknown key "nmae" (did you mean "name"? known: name, on, count, small, size, scale, every, limit, tags, range, want, codes, parts, rule, token, key_file, text)`},
		{"a key given twice", "name: x\ncount: 1\ncount: 2\n", `f:3:1: key "count" is given twice (the first is in line 2; keep one of them)`},
		{"a key given twice in a keyed mapping", "name: x\nparts:\n  a: {size: 1}\n  b: {size: 2}\n  a: {size: 3}\n", `f:5:3: key "a" is given twice (the first is in line 3; keep one of them)`},
		{"one number written in two ways", "name: x\ncodes: {16: a, 0x10: b}\n", `f:2:16: key "0x10" is given twice (keep one of them)`},
		{"a required key that is missing at the root", "count: 1\n", `f:1:1: key "name" is missing (such as name: …)`},
		{"a required key that is missing in an entry", "name: x\nparts:\n  a: {}\n", `f:3:3: key "size" is missing (such as size: 3)`},
		{"no value", "name:\ncount: 1\n", "f:1:1: name: no value is given (write one behind the colon, or take the line out)"},
		{"text for a number", "name: x\ncount: three\n", `f:2:8: count: want a whole number, got "three" (such as 3 or 0x1F)`},
		{"a number that others read as octal", "name: x\ncount: 017\n", `f:2:8: count: "017" begins with a zero, which some read as octal (write it without)`},
		{"a fraction for a whole number", "name: x\ncount: 1.5\n", `f:2:8: count: want a whole number, got "1.5" (such as 3 or 0x1F)`},
		{"a number too large", "name: x\nsize: 65536\n", "f:2:7: size: 65536 is too large or too small"},
		{"a negative number where none can be", "name: x\nsize: -1\n", "f:2:7: size: want a number of 0 or more, got \"-1\""},
		{"yes for true", "name: x\non: yes\n", `f:2:5: on: want true or false, got "yes" (yes, no, on and off are text)`},
		{"a duration without its unit", "name: x\nevery: 5\n", `f:2:8: every: a duration needs its unit, got "5" (such as 5ms, 5s or 5min)`},
		{"a duration that is none", "name: x\nevery: 5 sec\n", `f:2:8: every: want a duration, got "5 sec" (such as 500ms, 10s, 5min, 2h or 7d)`},
		{"a duration without end", "name: x\nevery: 9999999d\n", `f:2:8: every: want a duration of less than a hundred years, got "9999999d"`},
		{"a quantity with an unknown unit", "name: x\nlimit: 5 furlong\n", `f:2:8: limit: unknown unit "furlong" in "5 furlong" (units are ` + strings.Join(gateway.Units(), ", ") + ")"},
		{"a list for text", "name: [a]\n", "f:1:7: name: want text, got a list"},
		{"a mapping for a list", "name: x\nrange: {a: 1}\n", "f:2:8: range: want a list, got a mapping (such as [1.5])"},
		{"an item of a list", "name: x\nrange: [1, x]\n", `f:2:12: want a number, got "x" (such as 1.5)`},
		{"text for a mapping", "name: x\ntext: Lakeside\n", `f:2:7: text: want a mapping, got "Lakeside" (such as {zh: …, en: …})`},
		{"a list for named entries", "name: x\nparts: [a]\n", "f:2:8: parts: want a mapping, got a list (such as {name: {size: …}})"},
		{"text for a number among the keys", "name: x\ncodes: {one: a}\n", `f:2:9: want a whole number, got "one" (such as 3 or 0x1F)`},
		{"columns count characters, not bytes", "name: 湖畔\ntext: {zh: 湖畔花园, eng: x}\n", `f:2:18: unknown key "eng" (did you mean "en"? known: zh, en)`},
		{"a byte order mark and CRLF", "\ufeffname: x\r\ncount: y\r\n", `f:2:8: count: want a whole number, got "y" (such as 3 or 0x1F)`},
		{"a place behind a block of lines", "name: |\n  a\n  b\ncount: y\n", `f:4:8: count: want a whole number, got "y" (such as 3 or 0x1F)`},
		{"a second document", "name: x\n---\nname: y\n", "f:3:1: a second document begins here (take out the line ---, or put this part into a file of its own)"},
		{"an empty file", "# nothing\n", "f:1:1: the file is empty"},
		{"text instead of a mapping", "hello\n", `f:1:1: want a mapping, got "hello" (such as {name: …})`},
		{"an anchor and an alias", "name: &a x\ntags: [*a]\n", "f:1:7: anchors (&) are not allowed (write the value out; quote it if it is text)\nf:2:8: aliases (*) are not allowed (write the value out; quote it if it is text)"},
		{"a merge key", "<<: {name: x}\n", "f:1:1: merge keys (<<) are not allowed (write the keys out)"},
		{"a tag", "name: !!str 5\n", "f:1:7: tags (!) are not allowed (quote the value if it is text)"},
		{"an explicit key", "? name\n: x\n", "f:1:1: explicit keys (?) are not allowed (write key: value)"},
		{"a directive", "%YAML 1.2\n---\nname: x\n", "f:1:1: directives (%) are not allowed (take the line out)"},
		{"a tab", "parts:\n\ta: 1\n", "f:2:1: a tab or a reserved character begins this text (indent with spaces; quote text that begins with @ or `)"},
		{"a bracket that is not closed", "tags: [a, b\nname: x\n", "f:2:1: expected , or ] here (close the list with ], or quote text that holds [ ] { } or ,)"},
		{"a bracket that is never closed", "tags: [a, b\n", "f:1:7: the list that opens here is never closed (close it with ])"},
		{"a brace that is never closed", "name: x\ntext: {zh: a\n", "f:2:7: the mapping that opens here is never closed (close it with })"},
		{"a line indented too far", "name: x\n  count: 1\n", "f:1:7: a second key: on this line, or a line indented further than its neighbours (indent keys of one block alike; quote text that holds a colon and a space)"},
		{"a line indented too little", "  name: x\n count: 1\n", "f:2:2: this line does not fit the ones above it (indent keys of one block alike, and list items with - alike)"},
		{"a comparison that begins with >", "name: >= 3\n", "f:1:7: text that begins with > or | means a block of lines (quote it)"},
		{"a quote that is not closed", "name: \"x\ncount: 1\n", "f:1:7: the quote that opens here is never closed (close it on the same line)"},
		{"a colon in text", "name: a: b\n", "f:1:7: a second key: on this line, or a line indented further than its neighbours (indent keys of one block alike; quote text that holds a colon and a space)"},
		{"bytes that are not UTF-8", "name: x\ntags: [\xff]\n", "f:2:8: the text is not UTF-8 (save the file as UTF-8)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, got := decode(t, tt.src, nil); got != tt.want+"\n" {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestTheEnvironmentIsExpandedAndNeverShown(t *testing.T) {
	env := map[string]string{"WORD": "s3cret pass", "N": "x7", "EMPTY": ""}
	tests := []struct{ name, src, want string }{
		{"a variable that is not set", "name: ${NOPE}\n", "f:1:7: name: the environment variable NOPE is not set (set it where the gateway is started, for example in its service file)"},
		{"no name", "name: ${no pe}\n", "f:1:7: ${ is not followed by a name and } (write ${NAME}, or $${ for the characters themselves)"},
		{"a value of the wrong type", "name: x\ncount: ${WORD}\nevery: ${N}\nlimit: ${WORD}\n", "f:2:8: count: want a whole number, got \"${WORD}\" (such as 3 or 0x1F)\n" +
			"f:3:8: every: want a duration, got \"${N}\" (such as 500ms, 10s, 5min, 2h or 7d)\n" +
			"f:4:8: limit: \"${WORD}\" is not a number with a unit such as \"235.4 V\" (units are " + strings.Join(gateway.Units(), ", ") + ")"},
		{"a secret in plain text", "name: x\ntoken: abc\n", "f:2:8: token: a secret must not be written into the file (write ${NAME} and set NAME in the environment, or name a file with token_file)"},
		{"a secret that is empty", "name: x\ntoken: ${EMPTY}\n", "f:2:8: token: the environment variable of ${EMPTY} is empty"},
		{"inside braces without quotes", "name: x\ntext: {zh: ${WORD}, en: x}\n", "f:2:13: expected , or } here (inside { } and [ ] put \"${NAME}\" in quotes)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, got := decode(t, tt.src, env); got != tt.want+"\n" {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
	v, doc, problems := decode(t, "name: a-${N}-$${N}-$x\ntoken: ${WORD}\ntext: {zh: \"${WORD}\"}\n", env)
	if problems != "" || v.Name != "a-x7-${N}-$x" || v.Token != "s3cret pass" {
		t.Fatalf("decoded %+v, %s", v, problems)
	}
	doc.Report("text.zh", fmt.Sprintf("%q is no good", v.Text.ZH), "not "+v.Text.ZH)
	if got := lines(doc.Problems()); strings.Contains(got, "s3cret") || !strings.Contains(got, `"${WORD}" is no good (not ${WORD})`) {
		t.Errorf("an owner's message shows %s", got)
	}
}

func TestReportsOfOwnersGetTheirPlace(t *testing.T) {
	_, doc, problems := decode(t, "name: x\nparts:\n  a.b:\n    size: 5\nrange: [1, 2]\ntags: one\n", nil)
	if problems != "" {
		t.Fatal(problems)
	}
	for path, want := range map[string]string{
		"parts.a.b.size": "f:4:11", "parts.a.b": "f:3:3", "parts.a.b.colour": "f:3:3", "range[1]": "f:5:12",
		"tags[0]": "f:6:7", "": "f:1:1", "nothing.at[3].all": "f:1:1", "name": "f:1:7",
	} {
		if at := doc.At(path); fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Col) != want {
			t.Errorf("%q is at %v, want %s", path, at, want)
		}
	}
	doc.Report("parts.a.b.size", "is too big", "")
	doc.Report("range[1]", "range is upside down", "")
	if got, want := lines(doc.Problems()), "f:4:11: size: is too big\nf:5:12: range is upside down\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWhatOnlyFollowsFromAMistakeIsNotReported(t *testing.T) {
	_, doc, before := decode(t, "name: [x]\nparts: {a: {sice: 1}}\ncount: 1\n", nil)
	for _, path := range []string{"name", "parts.a.size", "parts.a"} {
		doc.Report(path, "is missing", "")
	}
	if after := lines(doc.Problems()); after != before {
		t.Errorf("got\n%swant only\n%s", after, before)
	}
	doc.Report("count", "is too small", "")
	if after := lines(doc.Problems()); after == before {
		t.Error("a mistake elsewhere was dropped")
	}
}

func TestWhatTheParserCannotBearIsRefusedFirst(t *testing.T) {
	var keys strings.Builder
	for i := range 10_002 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	for name, tt := range map[string]struct{ src, want string }{
		"brackets":         {strings.Repeat("[", 100_000), "f:1:33: more than 32 levels deep (is a bracket missing?)"},
		"dashes":           {strings.Repeat("- ", 100_000), "f:1:65: more than 32 levels deep (is a bracket missing?)"},
		"keys in one":      {keys.String(), "f:10002:7: more than 10000 keys in one mapping (divide it, and name the parts under include)"},
		"values":           {strings.Repeat("- 1\n", 300_000), "f:1:1: the file holds too many values (divide it, and name the parts under include)"},
		"bytes":            {strings.Repeat("# comment\n", 500_000), "f:1:1: the file is larger than 4 MiB (divide it, and name the parts under include)"},
		"control bytes":    {"name: \x00", "f:1:7: the text is not UTF-8 (save the file as UTF-8)"},
		"tags upon tags":   {strings.Repeat("!a ", 40), ""},
		"lists under keys": {strings.Repeat("a:\n- x\n", 3_000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := yaml.Read("f", []byte(tt.src), yaml.Options{})
			if got := lines(problems); tt.want != "" && got != tt.want+"\n" {
				t.Errorf("got %.300s, want %s", got, tt.want)
			}
		})
	}
}

func TestSeveralDocuments(t *testing.T) {
	docs, problems := yaml.Read("f", []byte("# first\nname: a\n---\nname: b\n---\n"), yaml.Options{Many: true})
	if len(problems) > 0 || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), problems)
	}
	var a, b thing
	docs[0].Decode(&a)
	docs[1].Decode(&b)
	if a.Name != "a" || b.Name != "b" || docs[1].At("name").Line != 4 {
		t.Errorf("decoded %q and %q at %v", a.Name, b.Name, docs[1].At("name"))
	}
}

func FuzzRead(f *testing.F) {
	f.Add("name: x\ncount: 0x10\nparts: {a: {size: 1}}\n")
	f.Add("rule: {all: [a, {not: b}]}\n---\nname: ${X}\n")
	f.Add("text: {zh: 湖\n - a: |\n  x")
	f.Fuzz(func(t *testing.T, src string) {
		docs, problems := yaml.Read("f", []byte(src), yaml.Options{Many: true, Env: func(string) (string, bool) { return "value", true }})
		if len(docs) == 0 && len(problems) == 0 {
			t.Fatal("neither a document nor a problem")
		}
		for _, d := range docs {
			var v thing
			d.Decode(&v)
			problems = append(problems, d.Problems()...)
		}
		last := 1 + strings.Count(src, "\n") + strings.Count(src, "\r") // the parser counts both
		for _, p := range problems {
			if p.Line < 1 || p.Col < 1 || p.Line > last+1 || p.Message == "" {
				t.Errorf("a problem without a place: %+v in %d lines", p, last)
			}
		}
	})
}

func TestARelativeFileLiesBesideTheDocument(t *testing.T) {
	for written, want := range map[string]string{
		"secrets/mq": "/etc/intact/secrets/mq", "../mq": "/etc/mq", "/run/mq": "/run/mq",
	} {
		docs, problems := yaml.Read("/etc/intact/site.yaml", []byte("key_file: "+written+"\n"), yaml.Options{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		d := docs[0]
		var got thing
		d.Decode(&got)
		if got.Key != want || len(d.Files()) != 1 || d.Files()[0].Name != want {
			t.Errorf("%s is read as %s, listed as %v; want %s", written, got.Key, d.Files(), want)
		}
	}
}
