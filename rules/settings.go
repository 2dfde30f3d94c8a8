package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Settings are what one site sets otherwise than the rule files. Of a param on a
// facility the first of these counts that there is: an override in force, what is
// set for the facility, what is set for its class, the rule file.
type Settings struct {
	Classes   map[gateway.Class]map[string]gateway.Quantity      // params of all facilities of a class
	Set       map[gateway.FacilityID]map[string]gateway.Quantity // params of facilities
	Overrides []Override
	// At is the moment for which rules are compiled. An override that has ended by
	// then has no effect.
	At gateway.Instant
	// Workday says whether a day, at any time of it, is a working day; nil for
	// Monday to Friday.
	Workday func(day time.Time) bool
}

// Override sets params of a facility for a while.
type Override struct {
	Facility gateway.FacilityID          `yaml:"facility,required"`
	Set      map[string]gateway.Quantity `yaml:"set,required"`
	Reason   string                      `yaml:"reason,required"`
	By       string                      `yaml:"by,required"`    // who answers for it
	Until    Date                        `yaml:"until,required"` // its last day
}

// Validate reports an override that nobody answers for.
func (o *Override) Validate(report gateway.Report) {
	if strings.TrimSpace(o.Reason) == "" {
		report("reason", "the override has no reason", "say why the limit is another for a while")
	}
	if strings.TrimSpace(o.By) == "" {
		report("by", "nobody answers for the override", "name who has decided it")
	}
	if len(o.Set) == 0 {
		report("set", "the override sets nothing", "such as {inlet_min: 0.35 bar}")
	}
}

// Date is a day of the calendar, wherever that is.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// UnmarshalText reads a date such as 2027-01-31.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%q is no date: want such as 2027-01-31", b)
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

// String returns the date as it is written.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// End returns the end of the day in the zone loc.
func (d Date) End(loc *time.Location) gateway.Instant {
	return gateway.InstantOf(time.Date(d.Year, d.Month, d.Day+1, 0, 0, 0, 0, loc))
}

// Ended reports whether o has ended at the moment that s is for.
func (s *Settings) Ended(o *Override, loc *time.Location) bool { return o.Until.End(loc) <= s.At }

// Next returns when the next override that is in force ends.
func (s *Settings) Next(loc *time.Location) (next gateway.Instant, ok bool) {
	for i := range s.Overrides {
		if end := s.Overrides[i].Until.End(loc); end > s.At && (!ok || end < next) {
			next, ok = end, true
		}
	}
	return next, ok
}

// InForce returns the place in Overrides of the one that is in force of a param on
// a facility, or -1.
func (s *Settings) InForce(f gateway.FacilityID, param string, loc *time.Location) int {
	return slices.IndexFunc(s.Overrides, func(o Override) bool {
		_, ok := o.Set[param]
		return ok && o.Facility == f && !s.Ended(&o, loc)
	})
}

// of returns what a param is set to for a facility.
func (s *Settings) of(f *gateway.Facility, param string, loc *time.Location) (gateway.Quantity, bool) {
	if i := s.InForce(f.ID, param, loc); i >= 0 {
		return s.Overrides[i].Set[param], true
	}
	if q, ok := s.Set[f.ID][param]; ok {
		return q, true
	}
	q, ok := s.Classes[f.Class][param]
	return q, ok
}

// checkSettings reports params that are set for a facility or a class, or under a
// name, that does not exist.
func (c *compiler) checkSettings(packs []Pack) {
	for _, class := range slices.Sorted(maps.Keys(c.set.Classes)) {
		c.checkParams("classes."+string(class), class, c.set.Classes[class], packs)
	}
	for _, id := range slices.Sorted(maps.Keys(c.set.Set)) {
		c.checkFacility("set."+string(id), id, c.set.Set[id], packs)
	}
	for i := range c.set.Overrides {
		o := &c.set.Overrides[i]
		if o.Facility == "" {
			continue // left empty by who has read it, and has said why
		}
		path := fmt.Sprintf("overrides[%d]", i)
		c.checkFacility(path+".set", o.Facility, o.Set, packs)
		for _, param := range slices.Sorted(maps.Keys(o.Set)) {
			if first := c.set.InForce(o.Facility, param, c.site.Location); first != i && !c.set.Ended(o, c.site.Location) {
				c.report(path+".set."+param, fmt.Sprintf("%s of %s is overridden twice", param, o.Facility), "leave one of them")
			}
		}
	}
}

// checkFacility checks what is set at path for the facility id.
func (c *compiler) checkFacility(path string, id gateway.FacilityID, set map[string]gateway.Quantity, packs []Pack) {
	if f := c.site.Facility(id); f != nil {
		c.checkParams(path, f.Class, set, packs)
	} else {
		c.report(path, fmt.Sprintf("there is no facility %q", id), "")
	}
}

// checkParams checks what is set at path for facilities of a class.
func (c *compiler) checkParams(path string, class gateway.Class, set map[string]gateway.Quantity, packs []Pack) {
	var known []string
	given := make(map[string]gateway.Quantity) // in the packs
	for _, p := range packs {
		if p.Class == class || p.Class == anyClass {
			for _, param := range p.Params {
				known = append(known, param.Name)
				given[param.Name] = param.Value
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		at, own := path+"."+name, set[name]
		switch was, ok := given[name]; {
		case !ok:
			c.report(at, fmt.Sprintf("no rule for %s has a param %q", class, name), "one of "+strings.Join(known, ", "))
		case own.Unit == "" && was.Unit != "":
			// It would be taken in the unit of each point, which may be another.
			c.report(at, fmt.Sprintf("%g has no unit", own.Value), fmt.Sprintf("such as %s %g %s; the rules have %s", name+":", own.Value, was.Unit, was))
		case !fits(own, was):
			_, err := own.In(was.Unit)
			c.report(at, fmt.Sprintf("%s: %v", own, err), fmt.Sprintf("the rules have %s", was))
		}
	}
}

// fits reports whether a param may be set to own where the rules have was.
func fits(own, was gateway.Quantity) bool {
	if was.Unit == "" {
		return true
	}
	_, err := own.In(was.Unit)
	return err == nil
}
