package notify

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
)

// The longest texts in bytes.
const (
	textLimit     = 2048 // what the narrowest chat robot takes
	headlineLimit = 300
)

// phrases are the parts of a sentence in one language. A %s stands for what is
// put in.
type phrases struct {
	language gateway.Language

	tags   [4]string // by severity
	events map[string]string
	silent string

	upper, lower, limit        string
	lasting, level, stale      string
	hidden, chatter            string
	normal, now, lasted, check string
	came, peak                 string
	acked, withdrawn           string
	escalated                  string // before the tag
	unanswered, passed         string
	arrive, respond, ticket    string
	building, gap, comma, stop string
	colon, day                 string
	units                      [4]string // days, hours, minutes, seconds
	wholeMinutes               string
}

var chinese = phrases{
	language: gateway.Chinese,
	tags:     [4]string{"【提示】", "【一般】", "【紧急】", "【紧急】"},
	events:   map[string]string{eventReturned: "【恢复】", eventAcked: "【已确认】", eventWithdrawn: "【撤销】"},
	silent:   "【通讯中断】",
	upper:    "（上限%s）", lower: "（下限%s）", limit: "（限值%s）",
	lasting: "已持续%s", level: "级别变更", stale: "读数已失效，按最后已知状态", hidden: "另有%s项后续报警已合并",
	chatter: "反复发生已%s次，稳定后再通知",
	normal:  "已恢复正常", now: "现%s", lasted: "持续故障%s", came: "共发生%s次", peak: "最差%s", check: "待现场确认后关闭",
	acked: "%s已确认", withdrawn: "规则或设施已从配置中移除，不再监视，请现场确认",
	arrive: "请%s前到场", respond: "请%s前响应", ticket: "工单 %s",
	escalated: "【升级】", unanswered: "已%s无人确认", passed: "网关停止期间另有%s级到时未通知",
	building: "%s号楼", gap: "", comma: "，", stop: "。", colon: "：", day: "01月02日 15:04",
	units: [4]string{"天", "小时", "分", "秒"}, wholeMinutes: "分钟",
}

var english = phrases{
	language: gateway.English,
	tags:     [4]string{"[Note] ", "[Warning] ", "[URGENT] ", "[URGENT] "},
	events:   map[string]string{eventReturned: "[Returned] ", eventAcked: "[Acknowledged] ", eventWithdrawn: "[Withdrawn] "},
	silent:   "[No contact] ",
	upper:    " (upper limit %s)", lower: " (lower limit %s)", limit: " (limit %s)",
	lasting: "for %s", level: "level changed", stale: "readings have failed, last known state", hidden: "%s more alerts are its consequence",
	chatter: "it comes and goes, %s times so far, you will hear when it has settled",
	normal:  "back to normal", now: "now %s", lasted: "the fault lasted %s", came: "it came %s times", peak: "at worst %s", check: "to be confirmed on site",
	acked: "acknowledged by %s", withdrawn: "its rule or facility was taken out of the configuration, it is no longer watched, check on site",
	arrive: "Be on site by %s", respond: "Answer by %s", ticket: "Ticket %s",
	escalated: "[Escalated] ", unanswered: "nobody has acknowledged it for %s", passed: "%s more steps fell due while the gateway was down",
	building: "Building %s", gap: " ", comma: ", ", stop: ". ", colon: ": ", day: "2 Jan 15:04",
	units: [4]string{" d", " h", " min", " s"}, wholeMinutes: " min",
}

// sentence puts an event into words: how urgent, where, what, the value against
// its limit, since when, by when, what to do, which ticket.
type sentence struct {
	site     *gateway.Site
	event    string
	ev       alerts.Event
	facility *gateway.Facility
	ticket   *tickets.Ticket
}

// headline says how urgent it is, where, and what.
func (s sentence) headline(p *phrases) string {
	return strings.TrimSpace(s.tag(p) + s.where(p) + " " + s.ev.Alert.Title.In(p.language))
}

// detail returns what there is to say below the headline: the facts, and then
// line by line what to do.
func (s sentence) detail(p *phrases) (facts string, orders []string) {
	a := s.ev.Alert
	var said []string
	switch s.event {
	case eventReturned:
		said = []string{p.normal, fill(p.now, s.value(p)), s.peak(p), fill(p.lasted, p.duration(a.Cleared.Sub(a.Started)))}
		if a.Chatter.Times > 0 {
			said[3] = fill(p.came, strconv.Itoa(a.Chatter.Times))
		}
		if s.ticket != nil {
			said = append(said, p.check)
		}
	case eventAcked:
		said = []string{fill(p.acked, a.AckedBy), a.AckNote}
	case eventWithdrawn:
		said = []string{p.withdrawn}
	default:
		said = s.trouble(p)
		orders = []string{s.deadline(p), a.Why.Response.In(p.language)}
	}
	if s.ticket != nil {
		orders = append(orders, fill(p.ticket, s.ticket.Number))
	}
	for i, o := range orders {
		orders[i] = strings.TrimRight(o, "。.！! ")
	}
	return join(p.comma, said...), slices.DeleteFunc(orders, func(o string) bool { return o == "" })
}

// in returns the whole in one go.
func (s sentence) in(p *phrases) string {
	facts, orders := s.detail(p)
	first := join(p.colon, s.headline(p), facts)
	return strings.TrimSpace(join(p.stop, append([]string{first}, orders...)...) + p.stop)
}

// below returns the detail in lines of their own.
func (s sentence) below(p *phrases) string {
	facts, orders := s.detail(p)
	lines := append([]string{facts}, orders...)
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ") // a note may have lines of its own
	}
	return join("\n", lines...)
}

// trouble says how bad it is and for how long.
func (s sentence) trouble(p *phrases) []string {
	a := s.ev.Alert
	var facts []string
	switch s.event {
	case eventLevel:
		facts = []string{p.level}
	case eventEscalated:
		facts = []string{fill(p.unanswered, p.duration(s.ev.At.Sub(a.Call.Since)))}
		if a.Call.Passed > 0 {
			facts = append(facts, fill(p.passed, strconv.Itoa(a.Call.Passed)))
		}
	}
	facts = append(facts, s.value(p)+s.limit(p), fill(p.lasting, p.duration(s.ev.At.Sub(a.Started))))
	if a.Stale {
		facts = append(facts, p.stale)
	}
	if a.Children > 0 {
		facts = append(facts, fill(p.hidden, strconv.Itoa(a.Children)))
	}
	if a.Chattering() {
		facts = append(facts, fill(p.chatter, strconv.Itoa(a.Chatter.Times)))
	}
	return facts
}

func (s sentence) tag(p *phrases) string {
	if t, ok := p.events[s.event]; ok {
		return t
	}
	var first string
	if s.event == eventEscalated && s.ev.At > s.ev.Alert.Call.Since { // a step without a wait is the call itself
		first = p.escalated
	}
	if s.ev.Alert.Rule == alerts.CommLoss {
		return first + p.silent
	}
	return first + p.tags[min(int(s.ev.Alert.Severity), len(p.tags)-1)]
}

// where leaves out a building that the name says already.
func (s sentence) where(p *phrases) string {
	f := s.facility
	name, building := f.Name.In(p.language), f.Building
	if _, err := strconv.Atoi(building); err == nil {
		building = fill(p.building, building)
	}
	if building != "" && strings.Contains(name, building) {
		building = ""
	}
	if name == "" {
		name = string(f.ID)
	}
	return join(" ", join(p.gap, building, f.Place), name)
}

// value returns the value in words, or "" if there is none that says anything to
// people: a bare 0, 1 or code does not.
func (s sentence) value(p *phrases) string {
	a := s.ev.Alert
	ref, ok := s.site.Lookup(a.Point)
	if !ok || finite(a.Value) == nil {
		return ""
	}
	pt := s.site.Point(ref)
	if pt.Kind == gateway.Enum {
		return pt.States[int64(a.Value)].Text.In(p.language)
	}
	if pt.Kind.Stepwise() {
		return ""
	}
	return s.quantity(p, pt, a.Value)
}

// peak returns the worst value there was, or "" if it has none.
func (s sentence) peak(p *phrases) string {
	a := s.ev.Alert
	ref, ok := s.site.Lookup(a.Point)
	if !ok || finite(a.Peak) == nil || s.site.Point(ref).Kind.Stepwise() {
		return ""
	}
	return fill(p.peak, s.quantity(p, s.site.Point(ref), a.Peak))
}

// limit returns the limit that the value is held against.
func (s sentence) limit(p *phrases) string {
	a := s.ev.Alert
	ref, ok := s.site.Lookup(a.Point)
	if !ok || finite(a.Value) == nil || finite(a.Limit) == nil || s.site.Point(ref).Kind.Stepwise() {
		return ""
	}
	limit := s.quantity(p, s.site.Point(ref), a.Limit)
	switch {
	case a.Value > a.Limit:
		return fill(p.upper, limit)
	case a.Value < a.Limit:
		return fill(p.lower, limit)
	default:
		return fill(p.limit, limit)
	}
}

func (s sentence) quantity(p *phrases, pt *gateway.Point, v float64) string {
	a := s.ev.Alert
	n := number(v, pt.Decimals)
	if a.Value != a.Limit && number(a.Value, pt.Decimals) == number(a.Limit, pt.Decimals) {
		// 0.40 below the limit of 0.40 would be nonsense.
		n = strconv.FormatFloat(v, 'f', -1, 32)
	}
	if pt.Unit == "" || pt.Unit == "ratio" {
		return n
	}
	return n + p.gap + strings.NewReplacer("deg", "°", "m3", "m³").Replace(pt.Unit)
}

// number writes v with as many decimals as the point is worth, or with what it
// has, up to three, if nothing is said: 0.3 must not become 0.
func number(v float64, decimals int) string {
	if decimals > 0 {
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}

// deadline returns by when somebody must be there, or, of ordinary work, must
// have answered.
func (s sentence) deadline(p *phrases) string {
	switch t := s.ticket; {
	case t == nil:
		return ""
	case t.Priority == tickets.Ordinary && t.Responded.IsZero():
		return fill(p.respond, s.clock(t.Deadlines.Respond, p))
	case t.Priority != tickets.Ordinary && t.ArrivedAt.IsZero():
		return fill(p.arrive, s.clock(t.Deadlines.Arrive, p))
	default:
		return ""
	}
}

// clock returns a time of day, with its date unless it is that of the event, or
// "" if it is not set.
func (s sentence) clock(at gateway.Instant, p *phrases) string {
	if at.IsZero() {
		return ""
	}
	t, now := at.In(s.site.Location), s.ev.At.In(s.site.Location)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format(p.day)
}

// duration returns d in the two largest units that people would use, or "" for
// less than a second.
func (p *phrases) duration(d time.Duration) string {
	sec := int64(d / time.Second)
	parts := [4]int64{sec / 86400, sec / 3600 % 24, sec / 60 % 60, sec % 60}
	word := func(i int, last bool) string {
		if i == 2 && last {
			return strconv.FormatInt(parts[i], 10) + p.wholeMinutes
		}
		return strconv.FormatInt(parts[i], 10) + p.units[i]
	}
	for i, n := range parts {
		switch {
		case n <= 0:
		case i == 3 || parts[i+1] == 0:
			return word(i, true)
		default:
			return word(i, false) + p.gap + word(i+1, true)
		}
	}
	return ""
}

// fill puts s into a phrase; there is nothing to say without s.
func fill(phrase, s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(phrase, s)
}

// join joins what is not empty.
func join(sep string, parts ...string) string {
	said := make([]string, 0, len(parts))
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, sep)
}

// cut shortens s to at most limit bytes, between characters.
func cut(s string, limit int) string {
	const more = "…"
	if len(s) <= limit {
		return s
	}
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
