package yaml

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// expansion is a value that came from the environment and is never shown.
type expansion struct{ path, name, value string }

// expand returns text with every ${NAME} replaced; $${ stands for ${ itself.
func (d *Document) expand(at Position, path, text string) (string, bool) {
	if d.env == nil || !strings.Contains(text, "${") {
		return text, true
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		if strings.HasSuffix(before, "$") {
			b.WriteByte('{') // the $ before it is written already
			text = after
			continue
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !validEnv(name) {
			d.fail(at, path, "${ is not followed by a name and }", "write ${NAME}, or $${ for the characters themselves")
			return "", false
		}
		value, ok := d.env(name)
		if !ok {
			d.fail(at, path, fmt.Sprintf("the environment variable %s is not set", name), "set it where the gateway is started, for example in its service file")
			return "", false
		}
		if value != "" {
			d.expanded = append(d.expanded, expansion{path, name, value})
		}
		b.WriteString(value)
		text = rest
	}
}

// onlyEnv reports whether text is one ${NAME} and nothing else.
func onlyEnv(text string) bool {
	name, ok := strings.CutPrefix(text, "${")
	name, closed := strings.CutSuffix(name, "}")
	return ok && closed && validEnv(name)
}

func validEnv(name string) bool {
	for i, c := range []byte(name) {
		if !wordByte(c) || i == 0 && c >= '0' && c <= '9' {
			return false
		}
	}
	return name != ""
}

// redact replaces values that came from the environment by their names. A very
// short value is replaced only in what is said of the place it stands at: it
// would be found in any text. There, quoted parts of a value are replaced, too.
func (d *Document) redact(path, text string) string {
	const short = 4
	slices.SortStableFunc(d.expanded, func(a, b expansion) int { return cmp.Compare(len(b.value), len(a.value)) })
	for _, e := range d.expanded {
		if len(e.value) < short && e.path != path {
			continue
		}
		name, quoted := "${"+e.name+"}", strconv.Quote(e.value)
		text = strings.ReplaceAll(text, e.value, name)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], name)
		if e.path == path {
			parts := strings.Split(text, `"`)
			for i := 1; i < len(parts)-1; i += 2 {
				if parts[i] != "" && strings.Contains(e.value, parts[i]) {
					parts[i] = name
				}
			}
			text = strings.Join(parts, `"`)
		}
	}
	return text
}
