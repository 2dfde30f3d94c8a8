package roster

import (
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

var mobileNumber = regexp.MustCompile(`^\+?[0-9][0-9 -]{2,19}$`)

// Validate reports every mistake in the file that is one whatever the date is.
func (c *Config) Validate(report gateway.Report) {
	var ids, shifts []string
	for _, p := range c.People {
		ids = append(ids, p.ID)
	}
	for _, s := range c.Shifts {
		shifts = append(shifts, s.ID)
	}
	k := checker{c, ids, shifts, true}
	if len(ids) == 0 {
		report("people", "the roster has no people", "such as people: {wang: {name: 王强, mobile: \"13800000000\", trades: [electrician]}}")
	}
	for _, p := range c.People {
		p.validate(report.At("people." + p.ID))
	}
	k.trades(report.At("cover"), c.Cover)
	for _, name := range slices.Sorted(maps.Keys(c.Teams)) {
		at := report.At("teams." + name)
		if !gateway.ValidID(name) {
			at("", fmt.Sprintf("%q cannot name a team", name), "small letters, digits and -")
		}
		k.group(at, c.Teams[name], "team "+name)
	}
	for _, s := range c.Shifts {
		k.shift(report.At("shifts."+s.ID), s)
	}
	for i, l := range c.Leave {
		k.person(report.At(fmt.Sprintf("leave[%d]", i)), "person", l.Person)
	}
	for i, w := range c.Swaps {
		k.swap(report.At(fmt.Sprintf("swaps[%d]", i)), i, w)
	}
}

func (p *Person) validate(report gateway.Report) {
	if !gateway.ValidID(p.ID) {
		report("", fmt.Sprintf("%q cannot be the id of a person", p.ID), "small letters, digits and -, such as wang; the name is for people")
	}
	if strings.TrimSpace(p.Name) == "" {
		report("name", "the person has no name", "such as name: 王强")
	}
	if p.Mobile != "" && !mobileNumber.MatchString(p.Mobile) {
		report("mobile", fmt.Sprintf("%q is not a telephone number", p.Mobile), "digits, such as \"13800000000\" or \"+8613800000000\"")
	}
	if _, err := mail.ParseAddress(p.Mail); p.Mail != "" && err != nil {
		report("mail", fmt.Sprintf("%q is not a mail address", p.Mail), "such as duty@example.com")
	}
	(&checker{}).trades(report.At("trades"), p.Trades)
}

// checker holds what references are looked up in. Whoever looks at a date needs
// shifts that are in order.
type checker struct {
	c              *Config
	people, shifts []string
	shiftsInOrder  bool
}

func (k *checker) trades(report gateway.Report, list []Trade) {
	for i, t := range list {
		if !t.Valid() {
			report(fmt.Sprintf("[%d]", i), fmt.Sprintf("unknown trade %q", t), "one of "+strings.Join(tradeNames(), ", "))
		}
	}
}

// person reports an id that nobody has.
func (k *checker) person(report gateway.Report, key, id string) bool {
	if slices.Contains(k.people, id) {
		return true
	}
	report(key, fmt.Sprintf("there is no person %q in the roster", id), "one of "+strings.Join(k.people, ", "))
	return false
}

// group reports a list of people that is empty, or names somebody twice or nobody
// known.
func (k *checker) group(report gateway.Report, ids []string, whose string) bool {
	ok := len(ids) > 0
	if !ok {
		report("", whose+" has no people", "name one or more of "+strings.Join(k.people, ", "))
	}
	for i, id := range ids {
		at := fmt.Sprintf("[%d]", i)
		ok = k.person(report, at, id) && ok
		if slices.Index(ids, id) < i {
			report(at, fmt.Sprintf("%s names %s twice", whose, id), "")
		}
	}
	return ok
}

func (k *checker) shift(report gateway.Report, s Shift) {
	if !gateway.ValidID(s.ID) {
		report("", fmt.Sprintf("%q cannot name a shift", s.ID), "small letters, digits and -")
	}
	for i, d := range s.Days {
		if !slices.Contains(days, string(d)) {
			report(fmt.Sprintf("days[%d]", i), fmt.Sprintf("unknown day %q", d), "one of "+strings.Join(days, ", "))
		}
	}
	ok := true
	switch {
	case s.Rotation != nil && len(s.People) > 0:
		report("rotation", "shift "+s.ID+" has people and a rotation", "keep one of them")
	case s.Rotation != nil:
		ok = k.rotation(report.At("rotation"), s)
	default:
		ok = k.group(report.At("people"), s.People, "shift "+s.ID)
	}
	k.shiftsInOrder = k.shiftsInOrder && ok
}

func (k *checker) rotation(report gateway.Report, s Shift) bool {
	r, ok := s.Rotation, true
	if r.Days < 0 || r.Weeks < 0 || (r.Days > 0) == (r.Weeks > 0) {
		report("", "it is not said for how long each has the shift", "either days: 1 or weeks: 1, or more")
		ok = false
	}
	if len(r.Order) < 2 {
		report("order", "a rotation needs two or more to take turns", "such as order: [wang, li], or people: [wang] in place of the rotation")
		ok = false
	}
	for i, group := range r.Order {
		ok = k.group(report.At(fmt.Sprintf("order[%d]", i)), group, fmt.Sprintf("turn %d of shift %s", i+1, s.ID)) && ok
	}
	return ok
}

// swap reports one that changes nothing or cannot be.
func (k *checker) swap(report gateway.Report, i int, w Swap) {
	out, in := k.person(report, "out", w.Out), k.person(report, "in", w.In)
	n := slices.Index(k.shifts, w.Shift)
	if n < 0 {
		report("shift", fmt.Sprintf("there is no shift %q", w.Shift), "one of "+strings.Join(k.shifts, ", "))
		return
	}
	if !out || !in || !k.shiftsInOrder {
		return
	}
	assigned := k.c.assigned(&k.c.Shifts[n], w.Date)
	switch {
	case !slices.Contains(assigned, w.Out):
		report("out", fmt.Sprintf("%s does not have shift %s on %s", w.Out, w.Shift, w.Date), turnHint(assigned))
	case slices.Contains(assigned, w.In):
		report("in", fmt.Sprintf("%s has shift %s on %s anyway", w.In, w.Shift, w.Date), "name somebody else")
	case slices.ContainsFunc(k.c.Leave, func(l Leave) bool { return l.Person == w.In && l.Dates.has(w.Date) }):
		report("in", fmt.Sprintf("%s is on leave on %s", w.In, w.Date), "name somebody else, or shorten the leave")
	case slices.ContainsFunc(k.c.Swaps[:i], func(o Swap) bool {
		return o.Shift == w.Shift && o.Date == w.Date && (o.Out == w.Out || o.In == w.In)
	}):
		report("", fmt.Sprintf("shift %s on %s has such a swap already", w.Shift, w.Date), "keep one of them")
	}
}

func turnHint(assigned []string) string {
	if len(assigned) == 0 {
		return "the shift is not on that day; a shift belongs to the date on which it begins"
	}
	return "whose turn it is then: " + strings.Join(assigned, ", ") + "; a shift belongs to the date on which it begins"
}
