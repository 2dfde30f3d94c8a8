package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// addFacilities checks the facilities of a file and lays out those that can be.
func (l *loader) addFacilities(p part) {
	for i, f := range p.Facilities {
		at := origin{p.doc, fmt.Sprintf("facilities[%d]", i)}
		sources, written := l.sourcesOf(&f, at)
		l.checkFacility(&f, sources, at)
		for _, n := range namesOf(&f, at) {
			l.addFacility(f.one(n.name), n.name, sources, written, n.origin)
		}
	}
}

// named is what {device} stands for in one facility, "" if the facility has no
// {device}, and where its id or its name is written.
type named struct {
	name string
	origin
}

// namesOf returns the names of the facilities that f makes.
func namesOf(f *Facility, at origin) []named {
	holds := strings.Contains(f.ID, device)
	switch {
	case holds && len(f.Devices) == 0:
		at.report("id", fmt.Sprintf("nothing says what %s stands for", device), "list the devices: devices: [a, b]; one that is not listed could never be missed")
		return nil
	case !holds && len(f.Devices) > 0:
		at.report("id", fmt.Sprintf("%d devices would share the id %q", len(f.Devices), f.ID), "put "+device+" into the id, such as "+f.ID+"-"+device)
		return nil
	case !holds:
		return []named{{"", origin{at.doc, at.path + ".id"}}}
	}
	var names []named
	for i, name := range f.Devices {
		names = append(names, named{name, origin{at.doc, fmt.Sprintf("%s.devices[%d]", at.path, i)}})
	}
	return names
}

// sourcesOf returns the sources of f and where each is written.
func (l *loader) sourcesOf(f *Facility, at origin) (sources []Source, written []origin) {
	if len(f.Sources) == 0 {
		return []Source{f.Source}, []origin{at}
	}
	if f.Source.given() {
		at.report("sources", "a source stands both beside sources and in it", "move profile, bus, unit, topic, every, expect and points into the list")
	}
	for i := range f.Sources {
		written = append(written, origin{at.doc, fmt.Sprintf("%s.sources[%d]", at.path, i)})
	}
	return f.Sources, written
}

// checkFacility checks what all facilities that f makes have in common, and
// gives it the class of its profile if it has none of its own.
func (l *loader) checkFacility(f *Facility, sources []Source, at origin) {
	if c := f.Criticality; c != "" && c != "A" && c != "B" && c != "C" {
		at.report("criticality", fmt.Sprintf("unknown criticality %q", c), "A, B or C")
	}
	classes := slices.DeleteFunc(gateway.Classes(), func(c gateway.Class) bool { return !c.Counted() })
	if f.Class != "" && !f.Class.Counted() {
		at.report("class", fmt.Sprintf("unknown class %q", f.Class), yaml.Suggest(string(f.Class), words(classes)))
	}
	p := l.profiles[sources[0].Profile]
	if p == nil {
		return
	}
	if f.Class == "" {
		f.Class = p.Class
	}
	// A lift that passes for a pump would be silent for a day without counting
	// as down.
	if p.Safety == "life" && f.Class.Valid() && !f.Class.LifeSafety() {
		at.report("class", fmt.Sprintf("profile %s is of a device that lives hang on, class %s is not", p.Name, f.Class), "leave class out, or say "+string(p.Class))
	}
}

// addFacility checks one facility with its own id and lays it out if its
// profiles allow. at is where its id is written.
func (l *loader) addFacility(f Facility, name string, sources []Source, written []origin, at origin) {
	id := gateway.FacilityID(f.ID)
	switch {
	case !gateway.ValidID(f.ID):
		at.report("", fmt.Sprintf("%q cannot be the id of a facility", f.ID), "small letters, digits and -, such as lift-1")
	case id == gateway.Self || strings.HasPrefix(f.ID, string(drivers.LineID(""))):
		at.report("", fmt.Sprintf("the id %s is taken by the gateway itself", f.ID), "name it otherwise")
	}
	if before, twice := l.facilities[id]; twice {
		at.report("", fmt.Sprintf("id %q is taken by the facility in %s", f.ID, before), "give one of them another id")
		return
	}
	l.facilities[id] = at
	g := gateway.Facility{
		ID: id, Class: f.Class, Name: f.Name, Building: f.Building, Place: f.Place, Criticality: f.Criticality,
	}
	if g.Name.IsZero() {
		g.Name = gateway.Text{ZH: f.ID, EN: f.ID}
	}
	whole := true
	for i, s := range sources {
		whole = l.addSource(&g, s, name, i+1, written[i]) && whole
	}
	if whole {
		l.deriveFacility(&g, f.Derive, at)
		g.Points = append(g.Points, gateway.BlindnessPoint())
		l.built = append(l.built, g)
	}
}

// deriveFacility gives g, which has the points of all its sources, those that
// are computed from them. at is where its id is written.
func (l *loader) deriveFacility(g *gateway.Facility, derived []drivers.Derived, at origin) {
	before := len(at.doc.Problems())
	within := origin{at.doc, at.path[:strings.LastIndex(at.path, ".")]}
	drivers.ValidateDerived(within.report, "derive", derived, g.Points)
	if len(at.doc.Problems()) > before {
		return
	}
	for i := range derived {
		p := derived[i].Point()
		p.Facility = g.ID
		g.Points = append(g.Points, p)
	}
	formula.Complete(g.Points)
}

// addSource gives g the points of its nth source. It returns false if they
// cannot be known.
func (l *loader) addSource(g *gateway.Facility, s Source, name string, n int, at origin) bool {
	b, p := l.busOf(s, at), l.profileOf(s, at)
	if b == nil || p == nil {
		return false
	}
	b.used = true
	p = l.changed(p, &s, g, at)
	if p.Protocol == drivers.MQTT {
		checkMQTT(&s, b, name, at)
	} else {
		checkModbus(&s, b, at)
	}
	d := drivers.Device{Facility: g.ID, Profile: p.Name, Bus: s.Bus, Topic: s.Topic, Name: name, Every: s.Every, Expect: s.Expect}
	if s.Unit != nil {
		d.Unit = *s.Unit
	}
	if !p.ok {
		return false // its own mistakes are reported, and its points not known
	}
	for _, point := range p.GatewayPoints(d) {
		point.Formula = drivers.SourceFormula(point.Formula, n)
		if slices.ContainsFunc(g.Points, func(other gateway.Point) bool { return other.Name == point.Name }) {
			at.report("profile", fmt.Sprintf("point %s is in the profile of another source, too", point.Name), "a facility has each point once: use a profile of your own with other names")
			return false
		}
		g.Points = append(g.Points, point)
	}
	link := drivers.LinkPoint(n)
	link.Line = drivers.LineID(s.Bus)
	g.Points = append(g.Points, link)
	if !slices.Contains(g.Lines, link.Line) {
		g.Lines = append(g.Lines, link.Line)
	}
	l.devices = append(l.devices, d)
	l.written = append(l.written, at)
	return true
}

// busOf returns the bus of a source, or nil after reporting that there is none.
func (l *loader) busOf(s Source, at origin) *bus {
	switch b := l.buses[s.Bus]; {
	case b != nil:
		return b
	case s.Bus == "":
		at.report("bus", "the facility is on no bus", "one of "+strings.Join(slices.Sorted(maps.Keys(l.buses)), ", "))
	default:
		at.report("bus", fmt.Sprintf("there is no bus %q", s.Bus), yaml.Suggest(s.Bus, slices.Sorted(maps.Keys(l.buses))))
	}
	return nil
}

// profileOf returns the profile of a source, or nil after reporting that there
// is none.
func (l *loader) profileOf(s Source, at origin) *profile {
	switch p := l.profiles[s.Profile]; {
	case p != nil:
		return p
	case s.Profile == "":
		at.report("profile", "nothing says which device this is", "name a profile, such as eastron-sdm630")
	default:
		at.report("profile", fmt.Sprintf("there is no profile %q", s.Profile), yaml.Suggest(s.Profile, slices.Sorted(maps.Keys(l.profiles))))
	}
	return nil
}

// checkModbus checks a source that is asked over Modbus.
func checkModbus(s *Source, b *bus, at origin) {
	if b.Protocol() == drivers.MQTT {
		at.report("bus", fmt.Sprintf("profile %s is read over Modbus, bus %s is a broker", s.Profile, s.Bus), "choose a bus with tcp or rtu, or a profile for MQTT")
		return
	}
	switch {
	case s.Unit == nil:
		at.report("unit", "a Modbus device needs its unit", "the address set on the device, such as unit: 1")
	case *s.Unit < 0 || *s.Unit > 255:
		at.report("unit", fmt.Sprintf("there is no unit %d", *s.Unit), "0 to 255; most devices are 1 to 247")
	}
	if s.Topic != "" {
		at.report("topic", "a Modbus device has no topic", "")
	}
	if s.Expect != 0 {
		at.report("expect", "a Modbus device is asked, it is not waited for", "say every")
	}
	const fastest, slowest = 10 * time.Millisecond, 24 * time.Hour
	if s.Every != 0 && (s.Every < fastest || s.Every > slowest) {
		at.report("every", fmt.Sprintf("every %s cannot be", s.Every), "10ms to 24h")
	}
}

// checkMQTT checks a source that speaks over MQTT; name is what {device} stands
// for. What a topic may be is for the driver to say, see rehearse.
func checkMQTT(s *Source, b *bus, name string, at origin) {
	if b.Protocol() == drivers.Modbus {
		at.report("bus", fmt.Sprintf("profile %s is heard over MQTT, bus %s is a Modbus line", s.Profile, s.Bus), "choose a bus with mqtt, or a profile for Modbus")
		return
	}
	switch {
	case s.Topic == "":
		at.report("topic", "an MQTT device needs its topic", "such as topic: site/a/leak/1/state")
	case strings.Contains(s.Topic, device) && name == "":
		at.report("topic", fmt.Sprintf("nothing says what %s stands for", device), "put "+device+" into the id, too, and list the devices: devices: [a, b]")
	case !strings.Contains(s.Topic, device) && name != "":
		at.report("topic", "all devices would have the same topic", "put "+device+" into the topic")
	}
	if s.Unit != nil {
		at.report("unit", "an MQTT device has no unit", "")
	}
	if s.Every != 0 {
		at.report("every", "an MQTT device is not asked, it speaks when it likes", "say expect to miss it when it is silent")
	}
	if s.Expect < 0 {
		at.report("expect", fmt.Sprintf("every %s cannot be", s.Expect), "such as 10min")
	}
}

// words returns the list as plain text, for messages.
func words[T ~string](list []T) []string {
	s := make([]string, len(list))
	for i, w := range list {
		s[i] = string(w)
	}
	return s
}
