package configs_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// TestRulePacksPages holds the pages that list the shipped rules against the rules.
// With -update it writes the lists anew and leaves the text above them.
func TestRulePacksPages(t *testing.T) {
	packs := shippedPacks(t)
	for _, page := range []struct {
		file  string
		words *pageWords
	}{{"../docs/packs.md", &english}, {"../docs/zh/packs.md", &chinese}} {
		text, err := os.ReadFile(page.file)
		if err != nil {
			t.Fatal(err)
		}
		above, _, found := strings.Cut(string(text), "-update -->\n")
		if !found {
			t.Fatalf("%s does not say where the list begins", page.file)
		}
		var b strings.Builder
		b.WriteString(above + "-update -->\n")
		for i := range packs {
			packs[i].write(t, &b, page.words)
		}
		golden(t, page.file, b.String())
	}
}

// TestLimitsOfShippedRulesSayWhereTheyComeFrom wants each limit on a measured value
// to be a param, so that a site can set it, and each param to have its source or
// the mark of a default behind it.
func TestLimitsOfShippedRulesSayWhereTheyComeFrom(t *testing.T) {
	source := regexp.MustCompile(`^(` + toConfirm + `(: .+)?|(GB|GB/T|TSG|DL/T|CJJ) ?[0-9].*)$`)
	for _, pack := range shippedPacks(t) {
		for _, p := range pack.Params {
			if s := pack.sources[p.Name]; !source.MatchString(s) {
				t.Errorf("%s: behind param %s of %s stands %q, want a clause or %q", pack.name, p.Name, pack.Class, s, toConfirm)
			}
		}
		for _, r := range pack.Rules {
			for _, l := range r.Levels {
				if limit := l.Above + l.Below; limit != onOff && !strings.HasPrefix(limit, "$") && !strings.HasPrefix(limit, "0 ") {
					t.Errorf("%s: %s/%s holds a value against %s, want a param", pack.name, pack.Class, r.ID, limit)
				}
			}
		}
	}
}

// onOff is the limit between off and on.
const onOff = "0.5"

// toConfirm marks a limit that no clause fixes for every site.
const toConfirm = "default, confirm on site"

// shippedPack is one class of a rule file that ships.
type shippedPack struct {
	rules.Pack
	name    string            // of the file
	sources map[string]string // what stands behind its params, by their names
}

// behind finds a param and what stands behind it.
var behind = regexp.MustCompile(`(?m)^  (\w+): \{value: .*\}\s*# (.*)$`)

func shippedPacks(t *testing.T) (packs []shippedPack) {
	t.Helper()
	files, err := fs.Glob(configs.Shipped(), "rules/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	c, err := load(map[string]string{"site.yaml": small})
	if err != nil {
		t.Fatal(err)
	}
	of := make(map[gateway.Class]rules.Pack)
	for _, p := range c.Packs {
		of[p.Class] = p
	}
	for _, file := range files {
		text, err := fs.ReadFile(configs.Shipped(), file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(text), "\n---\n") {
			class := regexp.MustCompile(`(?m)^class: (\w+)$`).FindStringSubmatch(doc)
			if class == nil {
				t.Fatalf("%s: no class", file)
			}
			p := shippedPack{Pack: of[gateway.Class(class[1])], name: strings.TrimSuffix(path.Base(file), ".yaml"), sources: make(map[string]string)}
			for _, m := range behind.FindAllStringSubmatch(doc, -1) {
				p.sources[m[1]] = m[2]
			}
			packs = append(packs, p)
		}
	}
	return packs
}

// pageWords are the words of a page in one language.
type pageWords struct {
	language   gateway.Language
	pack, any  string
	head       string // of the table of rules
	limits     string // the head of the table of limits
	isDefault  string
	who        string // a trade and a time
	down       string
	severities map[string]string
	tickets    map[string]string
	roles      map[string]string
	says       *strings.Replacer // a condition, in words
}

var english = pageWords{
	language: gateway.English, pack: "pack", any: "Every facility", who: " (%s, %s)", isDefault: "*default*, confirm on site", down: ", down",
	head:       "| Alarm | Trips when | Severity | Ticket | What to do |\n|---|---|---|---|---|\n",
	limits:     "| Limit | | Ships as | Source |\n|---|---|---|---|\n",
	severities: map[string]string{"info": "info", "warning": "warning", "critical": "critical", "life_safety": "life safety"},
	tickets:    map[string]string{"": "none", "rescue": "rescue", "emergency": "emergency", "ordinary": "ordinary"},
	roles:      map[string]string{"electrician": "electrician", "plumber": "plumber", "lift": "lift", "fire": "fire", "hvac": "HVAC", "general": "general"},
	says:       strings.NewReplacer("degC", "°C", "m3/h", "m³/h"),
}

var chinese = pageWords{
	language: gateway.Chinese, pack: "规则包", any: "所有设施", who: "（%s，%s）", isDefault: "默认值，请现场确认", down: "，停机",
	head:       "| 报警 | 触发条件 | 级别 | 工单 | 处置 |\n|---|---|---|---|---|\n",
	limits:     "| 限值 | | 随附值 | 依据 |\n|---|---|---|---|\n",
	severities: map[string]string{"info": "提示", "warning": "一般", "critical": "紧急", "life_safety": "生命安全"},
	tickets:    map[string]string{"": "无", "rescue": "救援", "emergency": "紧急", "ordinary": "一般"},
	roles:      map[string]string{"electrician": "电工", "plumber": "水工", "lift": "电梯", "fire": "消防", "hvac": "暖通", "general": "综合"},
	says:       strings.NewReplacer("degC", "°C", "m3/h", "m³/h", " for ", "，持续 ", " polls", " 次轮询", " and ", " 且 ", " or ", " 或 ", " is on", " 动作", " is off", " 断开"),
}

func (p *shippedPack) write(t *testing.T, b *strings.Builder, w *pageWords) {
	title := w.any
	if p.Class != "any" {
		title = p.Class.Name().In(w.language)
	}
	fmt.Fprintf(b, "\n## %s\n\n%s `%s`\n\n%s", title, w.pack, p.name, w.head)
	for i := range p.Rules {
		p.writeRule(t, b, &p.Rules[i], w)
	}
	if len(p.Params) == 0 {
		return
	}
	b.WriteString("\n" + w.limits)
	for _, param := range p.Params {
		source := strings.Replace(p.sources[param.Name], toConfirm, w.isDefault, 1)
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", param.Name, param.Text.In(w.language), w.says.Replace(param.Value.String()), source)
	}
}

func (p *shippedPack) writeRule(t *testing.T, b *strings.Builder, r *rules.Spec, w *pageWords) {
	var trips, severities []string
	for _, l := range r.Levels {
		trips = append(trips, w.says.Replace(p.level(t, r, l)))
		severities = append(severities, w.severities[l.Severity])
	}
	if r.When != nil {
		trips = append(trips, w.says.Replace("`"+p.values(t, r.When.String())+"`"+lasting(r.Hold)))
		severities = append(severities, w.severities[r.Severity])
	}
	severity := strings.Join(severities, "<br>")
	if r.Impairs {
		severity += w.down
	}
	fmt.Fprintf(b, "| %s<br>`%s` | %s | %s | %s | %s%s |\n", r.Title.In(w.language), r.ID, strings.Join(trips, "<br>"),
		severity, w.tickets[r.Ticket], r.Why.Response.In(w.language), fmt.Sprintf(w.who, w.roles[r.Why.Role], short(r.Why.Within)))
}

// level says when one level of a rule trips.
func (p *shippedPack) level(t *testing.T, r *rules.Spec, l rules.Level) string {
	hold := l.Hold
	if hold == (rules.Hold{}) {
		hold = r.Hold
	}
	points := "`" + cmp.Or(r.Value, strings.Join(r.Points, "`, `")) + "`"
	switch {
	case l.Above == onOff:
		return points + " is on" + lasting(hold)
	case l.Below == onOff:
		return points + " is off" + lasting(hold)
	case l.Above != "":
		return points + " > " + p.values(t, l.Above) + lasting(hold)
	default:
		return points + " < " + p.values(t, l.Below) + lasting(hold)
	}
}

// named finds a param with what is added to it or taken from it.
var named = regexp.MustCompile(`(?:(0) (\S+) - )?\$(\w+)(?: ([+-]) ([0-9.]+ [^\s)]+))?`)

// values puts the figures that ship in the place of params.
func (p *shippedPack) values(t *testing.T, text string) string {
	return named.ReplaceAllStringFunc(text, func(sum string) string {
		m := named.FindStringSubmatch(sum)
		var q gateway.Quantity
		for _, param := range p.Params {
			if param.Name == m[3] {
				q = param.Value
			}
		}
		if m[1] != "" {
			q.Value = -q.Value
		}
		if m[4] != "" {
			more, err := gateway.ParseQuantity(m[5])
			if err != nil || more.Unit != q.Unit {
				t.Fatalf("%s: %v; write both in one unit", text, err)
			}
			if m[4] == "-" {
				more.Value = -more.Value
			}
			q.Value += more.Value
		}
		return q.String()
	})
}

func lasting(h rules.Hold) string {
	switch {
	case h.Polls > 0:
		return " for " + h.String()
	case h.Duration > 0:
		return " for " + short(h.Duration)
	default:
		return ""
	}
}

// short writes a duration as people do.
func short(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{oneDay, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d%unit.size == 0 && (d > unit.size || unit.size < oneDay) { // 24 h rather than 1 d
			return fmt.Sprintf("%d %s", d/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
