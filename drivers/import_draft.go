package drivers

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/drivers/modbus"
)

// draft writes the profile as a person would, with the list of guesses on top.
func (im *importer) draft() Draft {
	var b bytes.Buffer
	o := im.options
	fmt.Fprintf(&b, "# Drafted from %s. Look at each of these, then take it out of the list:\n", o.File)
	for _, line := range im.review {
		fmt.Fprintf(&b, "#   - %s\n", strings.ReplaceAll(line, "\n", " "))
	}
	fmt.Fprintf(&b, "profile: %s\nsource: [%s]\ntrust: paper\nclass: %s\n", o.Name, quoted("register table "+o.File), o.Class)
	fmt.Fprintf(&b, "defaults: {numbering: %s, type: u16}\npoints:\n", o.Numbering)
	for i := range im.points {
		im.points[i].write(&b)
	}
	return Draft{YAML: b.Bytes(), Points: len(im.points), Guesses: len(im.review)}
}

// write writes the point on one line, with what the maker says of it behind.
func (p *imported) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "  %s: {reg: %s", p.name, p.register())
	say := func(key, value string) {
		if value != "" {
			fmt.Fprintf(b, ", %s: %s", key, value)
		}
	}
	say("table", p.table)
	if p.typ != modbus.U16.String() {
		say("type", p.typ)
	}
	if p.bit >= 0 {
		say("bit", strconv.Itoa(p.bit))
	}
	say("scale", p.scale)
	if p.unit != "" {
		say("unit", quoted(p.unit))
	}
	say("kind", p.kind)
	if p.original != "" {
		say("name", fmt.Sprintf("{zh: %s, en: %[1]s}", quoted(p.original)))
	}
	if p.verify {
		say("verify", "true")
	}
	b.WriteString("}")
	if p.about != "" && p.about != p.original {
		fmt.Fprintf(b, "  # %s", p.about)
	}
	b.WriteString("\n")
}

// register returns the number of the register in the notation of the table.
func (p *imported) register() string {
	if a := strings.ToLower(p.address); strings.HasPrefix(a, "0x") || strings.Contains(a, "h") {
		return fmt.Sprintf("0x%04X", p.reg)
	}
	return strconv.Itoa(p.reg)
}

// quoted returns s as YAML takes any text.
func quoted(s string) string { return strconv.Quote(s) }
