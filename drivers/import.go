package drivers

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// maxTable is the size of the largest register table that is read.
const maxTable = 4 << 20

// ImportOptions say of a register table what it does not say itself.
type ImportOptions struct {
	File      string // for the draft's source
	Name      string // of the profile
	Class     gateway.Class
	Numbering string // how the table counts registers; guessed if it is empty
}

// Draft is a profile made from a register table.
type Draft struct {
	YAML    []byte
	Points  int
	Guesses int // lines of the list at its top
}

// ImportTable drafts a profile from a maker's register table: a CSV file with a
// line of headings, parted by commas, semicolons or tabs. Columns for name and
// address must be there; type, scale, unit, description, function, length, access
// and bit may be. The headings may be English or Chinese.
//
// What the table leaves open is guessed, and every guess is listed at the top of
// the draft. Roles are never guessed: rules act on them.
func ImportTable(r io.Reader, o ImportOptions) (Draft, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	switch {
	case err != nil:
		return Draft{}, err
	case len(text) > maxTable:
		return Draft{}, fmt.Errorf("larger than %d MiB", maxTable>>20)
	case !utf8.Valid(text):
		return Draft{}, errors.New("not UTF-8: save it as \"CSV UTF-8\"")
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	lines, err := tableLines(text)
	if err != nil {
		return Draft{}, err
	}
	heading, columns, err := findHeadings(lines)
	if err != nil {
		return Draft{}, err
	}
	im := importer{options: o, columns: columns, names: make(map[string]bool)}
	for _, l := range lines[heading+1:] {
		im.row(l)
	}
	if len(im.points) == 0 {
		return Draft{}, errors.New("no line below the headings has a register address")
	}
	im.settle()
	return im.draft(), nil
}

// tableLine is one line of the table with its number in the file.
type tableLine struct {
	number int
	cells  []string
}

// tableLines parts the text by whatever its first lines hold most of.
func tableLines(text []byte) ([]tableLine, error) {
	head := text[:min(len(text), 4096)]
	comma := ','
	for _, c := range ";\t" {
		if bytes.Count(head, []byte(string(c))) > bytes.Count(head, []byte(string(comma))) {
			comma = c
		}
	}
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes = comma, -1, true
	var lines []tableLine
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range cells {
			cells[i] = strings.Join(strings.Fields(cells[i]), " ")
		}
		number, _ := reader.FieldPos(0)
		lines = append(lines, tableLine{number, cells})
	}
}

// headings are what makers call the columns, in small letters and without
// spaces. A column is also taken if its heading begins with one of them.
var headings = []struct {
	column string
	words  []string
}{
	{"name", []string{"name", "parameter", "signal", "variable", "item", "point", "名称", "参数", "变量", "信号", "点名", "数据项", "数据内容", "内容"}},
	{"address", []string{"address", "addr", "register", "reg", "modbusaddress", "offset", "地址", "寄存器", "通讯地址", "通信地址", "modbus地址"}},
	{"type", []string{"type", "datatype", "format", "dataformat", "encoding", "类型", "数据类型", "数据格式", "格式"}},
	{"scale", []string{"scale", "factor", "multiplier", "resolution", "gain", "coefficient", "倍率", "系数", "比例", "精度", "分辨率", "换算"}},
	{"unit", []string{"unit", "units", "单位"}},
	{"description", []string{"description", "remark", "note", "comment", "meaning", "说明", "描述", "备注", "含义", "注释"}},
	{"function", []string{"function", "fc", "functioncode", "table", "功能码", "功能"}},
	{"length", []string{"length", "len", "size", "words", "count", "quantity", "长度", "字数", "数量", "个数", "寄存器数"}},
	{"access", []string{"access", "r/w", "rw", "读写", "权限", "属性"}},
	{"bit", []string{"bit", "bits", "位"}},
}

// findHeadings returns the first line that names a column for names and one for
// addresses, and which cell is in which column.
func findHeadings(lines []tableLine) (line int, columns map[string]int, err error) {
	const within = 20
	for i, l := range lines[:min(len(lines), within)] {
		columns := make(map[string]int)
		for cell, heading := range l.cells {
			if c := columnOf(heading); c != "" {
				if _, taken := columns[c]; !taken {
					columns[c] = cell
				}
			}
		}
		if _, ok := columns["name"]; !ok {
			if c, ok := columns["description"]; ok {
				columns["name"] = c
			}
		}
		_, named := columns["name"]
		_, placed := columns["address"]
		if named && placed {
			return i, columns, nil
		}
	}
	return 0, nil, errors.New("no line names the columns: want headings such as name, address, type, scale, unit, description (名称, 地址, 类型, 倍率, 单位, 说明)")
}

// columnOf returns the column that a heading stands for, "" for none. A whole
// word counts before a beginning: "Register type" is no address.
func columnOf(heading string) string {
	h := strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(heading))
	if before, _, ok := strings.Cut(h, "("); ok && before != "" {
		h = before
	}
	for _, by := range []func(word string) bool{
		func(word string) bool { return h == word },
		func(word string) bool { return strings.HasSuffix(h, word) && len(word) > 3 },
		func(word string) bool { return strings.HasPrefix(h, word) && len(word) > 3 },
	} {
		for _, c := range headings {
			if slices.ContainsFunc(c.words, by) {
				return c.column
			}
		}
	}
	return ""
}

// imported is a point as it is drafted.
type imported struct {
	line     int
	name     string
	original string // what the maker calls it
	address  string // as it is written
	reg      int
	bit      int // -1 for none
	table    string
	typ      string
	scale    string
	unit     string
	kind     string
	about    string
	verify   bool
}

// importer makes points of lines.
type importer struct {
	options ImportOptions
	columns map[string]int
	names   map[string]bool
	points  []imported
	review  []string
}

// ask adds a line to the list of what a person must look at.
func (im *importer) ask(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if line > 0 {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	im.review = append(im.review, text)
}

// row makes a point of one line, if it is one.
func (im *importer) row(l tableLine) {
	cell := func(column string) string {
		if i, ok := im.columns[column]; ok && i < len(l.cells) {
			return l.cells[i]
		}
		return ""
	}
	if strings.Join(l.cells, "") == "" {
		return
	}
	p := imported{line: l.number, original: cell("name"), address: cell("address"), bit: -1, about: cell("description")}
	reg, registers, bit, err := parseAddress(p.address)
	if err != nil {
		im.ask(l.number, "left out: %v", err)
		return
	}
	if access := strings.ToLower(strings.ReplaceAll(cell("access"), " ", "")); access == "w" || access == "wo" || access == "writeonly" || access == "只写" {
		im.ask(l.number, "left out: %s can only be written", p.original)
		return
	}
	if textual(cell("type")) {
		im.ask(l.number, "left out: %s is text, and points are numbers", p.original)
		return
	}
	p.reg, p.bit = reg, bit
	if n, err := strconv.Atoi(cell("length")); err == nil && registers == 0 {
		registers = n
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(strings.ToLower(cell("bit")), "bit")); err == nil {
		p.bit = n
	}
	p.table = tableOfFunction(cell("function"))
	im.typeOf(&p, cell("type"), registers)
	im.scaleOf(&p, cell("scale"), cell("unit"))
	p.name = im.nameOf(&p)
	im.points = append(im.points, p)
}

// nameOf returns a name for the point that no other has.
func (im *importer) nameOf(p *imported) string {
	var b strings.Builder
	for _, c := range strings.ToLower(p.original) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_") && c < utf8.RuneSelf:
			b.WriteByte('_')
		}
	}
	name := strings.Trim(b.String(), "_")
	const longest = 32
	if len(name) > longest {
		name = strings.Trim(name[:longest], "_")
	}
	// What is left of a Chinese name is no name: "A相电压" would be "a".
	foreign := strings.ContainsFunc(p.original, func(c rune) bool { return c >= utf8.RuneSelf })
	if len(name) < 2 || foreign || name == gateway.LinkPoint {
		name = fmt.Sprintf("r%d", p.reg)
		if p.bit >= 0 {
			name += fmt.Sprintf("_%d", p.bit)
		}
	}
	unique := name
	for n := 2; im.names[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", name, n)
	}
	im.names[unique] = true
	return unique
}

// settle guesses what the table as a whole does not say.
func (im *importer) settle() {
	o := &im.options
	if !gateway.ValidID(o.Name) {
		slug := strings.Trim(strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return '-'
		}, strings.ToLower(o.Name)), "-")
		o.Name = cmp.Or(slug, "imported")
		im.ask(0, "the profile is called %s: name it maker-model", o.Name)
	}
	if o.Class == "" {
		o.Class = gateway.Environment
		im.ask(0, "class: nothing says what kind of device this is, one of %s", joinWords(classNames()))
	}
	if o.Numbering == "" {
		o.Numbering = im.numbering()
	}
	if slices.ContainsFunc(im.points, func(p imported) bool { t, _ := modbus.ParseType(p.typ); return t.Registers() > 1 }) {
		im.ask(0, "order: the high word first is a guess; if values of two registers make no sense, say defaults: {order: CDAB}")
	}
	im.ask(0, "source: name the manual with its edition and page")
	im.ask(0, "roles: none are set, and rules act on roles only; give one to each point that matters")
	im.ask(0, "samples: read a few registers with mbpoll and write what the device's display shows for them")
}

// numbering guesses how the table counts registers.
func (im *importer) numbering() string {
	lowest, highest := im.points[0].reg, 0
	modicon := map[int]bool{1: true, 3: true, 4: true}
	five, six := true, true
	for _, p := range im.points {
		lowest, highest = min(lowest, p.reg), max(highest, p.reg)
		five = five && p.reg > 10_000 && p.reg < 50_000 && modicon[p.reg/10_000]
		six = six && p.reg > 100_000 && modicon[p.reg/100_000]
	}
	switch {
	case six:
		return modicon6
	case five:
		im.ask(0, "numbering: all numbers lie between 10001 and 49999 and are taken as modicon5; if they are plain addresses say wire_0based")
		return modicon5
	case lowest == 0:
		return wire0Based
	default:
		im.ask(0, "numbering: wire_0based is a guess; if every value is that of its neighbour, say manual_1based")
		return wire0Based
	}
}
