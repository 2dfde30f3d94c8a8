package configs

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// origin is where a piece of configuration is written.
type origin struct {
	doc  *yaml.Document
	path string
}

// report takes a mistake in the piece; key is relative to it.
func (o origin) report(key, message, hint string) {
	o.doc.Report(gateway.JoinPath(o.path, key), message, hint)
}

// String returns the place for people, such as "site.yaml:12:5".
func (o origin) String() string {
	at := o.doc.At(o.path)
	return fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Col)
}

// bus is a bus and where it is written.
type bus struct {
	drivers.Bus
	origin
	used bool
}

// pack is a rule pack and where it comes from.
type pack struct {
	rules.Pack
	doc     *yaml.Document
	shipped bool
}

// loader gathers the pieces of one site. What it has gathered is in the order
// of the files.
type loader struct {
	fsys fs.FS
	name string // of the site file
	dir  string // as Options.Dir
	env  func(string) (string, bool)
	now  time.Time

	site     *yaml.Document // the site file
	docs     []*yaml.Document
	unread   []yaml.Problem // of files that are no documents
	order    map[string]int // in which the files were read
	warnings []yaml.Problem

	profiles   map[string]*profile
	buses      map[string]*bus
	lines      []gateway.Facility
	facilities map[gateway.FacilityID]origin // all that are written, also those with mistakes
	built      []gateway.Facility
	devices    []drivers.Device
	written    []origin // of the devices
	packs      []pack
}

func newLoader(fsys fs.FS, name string, o Options) *loader {
	return &loader{
		fsys: fsys, name: name, dir: o.Dir, env: o.Env, now: o.Now, order: make(map[string]int),
		profiles: make(map[string]*profile), buses: make(map[string]*bus), facilities: make(map[gateway.FacilityID]origin),
	}
}

// load reads everything from the site file on. What it returns is complete only
// if there are no problems.
func (l *loader) load(src []byte) *Config {
	docs := l.parse(l.name, src, yaml.Options{Env: l.env, Dir: l.dir})
	if len(docs) == 0 {
		return nil
	}
	l.site = docs[0]
	var s Site
	l.site.Decode(&s)
	s.Site.Validate(l.at("site"))
	s.HTTP.Validate(l.at("http"))
	s.Notify.Roster = l.readRoster(&s)
	s.Notify.Validate(l.at("notify"))
	s.Alerts.Validate(l.at("alerts"))
	s.Tickets.Validate(l.at("tickets"))
	if s.Influx != nil {
		s.Influx.Validate(l.at("influx"))
	}
	l.readProfiles(s.Profiles)
	parts := l.included(s)
	// All buses first: a facility may be on one that a later file describes.
	for _, p := range parts {
		l.addBuses(p)
	}
	for _, p := range parts {
		l.addFacilities(p)
	}
	l.checkTogether(&s, parts)
	c := &Config{
		HTTP: s.HTTP, Devices: l.devices, Profiles: l.known(),
		Alerts: s.Alerts, Notify: s.Notify, Tickets: s.Tickets, Roster: s.Notify.Roster, Influx: s.Influx, rules: s.Rules,
	}
	c.HTTP.Listen = cmp.Or(c.HTTP.Listen, "127.0.0.1:8080")
	for _, p := range parts {
		c.Buses = append(c.Buses, p.Buses...)
	}
	// What is wrong with one facility must not keep mistakes elsewhere from
	// being found, so the rules are tried on all that could be laid out.
	c.Site = l.buildSite(&s)
	l.addPacks(&s.Rules)
	engine := l.compile(c, &s.Rules)
	l.checkFiles()
	if len(l.problems()) == 0 {
		l.lint(c, engine)
		l.rehearse(c)
	}
	return c
}

// at returns the Report for the block of the site file called key.
func (l *loader) at(key string) gateway.Report { return gateway.Report(l.site.Report).At(key) }

// parse turns a file into documents and keeps them for their problems.
func (l *loader) parse(name string, src []byte, o yaml.Options) []*yaml.Document {
	l.order[name] = len(l.order)
	docs, problems := yaml.Read(name, src, o)
	l.docs = append(l.docs, docs...)
	l.unread = append(l.unread, problems...)
	return docs
}

// problems returns every mistake found so far, file by file in the order in
// which they were read.
func (l *loader) problems() []yaml.Problem {
	problems := slices.Clone(l.unread)
	for _, d := range l.docs {
		problems = append(problems, d.Problems()...)
	}
	slices.SortStableFunc(problems, func(a, b yaml.Problem) int {
		return cmp.Or(cmp.Compare(l.order[a.File], l.order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return problems
}

// warn takes what is allowed and still is likely not meant.
func (l *loader) warn(doc *yaml.Document, path, message, hint string) {
	l.warnings = append(l.warnings, doc.Problem(path, message, hint))
}

// files returns the names of the files that the patterns under key of the site
// file stand for, each once.
func (l *loader) files(key string, patterns []string) []string {
	var names []string
	for i, pattern := range patterns {
		at := origin{l.site, fmt.Sprintf("%s[%d]", key, i)}
		full := path.Join(path.Dir(l.name), pattern)
		if path.IsAbs(pattern) || !fs.ValidPath(full) {
			at.report("", fmt.Sprintf("%q is not below the folder of the site file", pattern), "put the files beside the site file")
			continue
		}
		found, err := fs.Glob(l.fsys, full)
		switch {
		case err != nil:
			at.report("", fmt.Sprintf("%q is not a pattern", pattern), "such as profiles/*.yaml")
		case len(found) == 0:
			at.report("", fmt.Sprintf("there is no file %s", pattern), "names are relative to the site file")
		}
		for _, name := range found {
			if !slices.Contains(names, name) && name != l.name {
				names = append(names, name)
			}
		}
	}
	return names
}

// open reads one of the files of the site.
func (l *loader) open(name string, o yaml.Options) []*yaml.Document {
	src, err := readAll(l.fsys, name)
	if err != nil {
		l.order[name] = len(l.order)
		l.unread = append(l.unread, yaml.Problem{Position: yaml.Position{File: name, Line: 1, Col: 1}, Message: err.Error()})
		return nil
	}
	return l.parse(name, src, o)
}

// openShipped reads one of the files that ship.
func (l *loader) openShipped(name string) []*yaml.Document {
	src, err := readAll(shipped, name)
	if err != nil {
		panic(err) // the names come from the same file system
	}
	return l.parse(shippedAs+name, src, yaml.Options{Many: true})
}

// shippedFiles returns the names of the files in a folder of those that ship.
func shippedFiles(folder string) []string {
	names, err := fs.Glob(shipped, folder+"/*.yaml")
	if err != nil {
		panic(err) // the pattern is constant
	}
	return names
}

// part is the buses and facilities of one file.
type part struct {
	Part
	doc *yaml.Document
}

// included returns the site file's own buses and facilities and those of the
// files it includes.
func (l *loader) included(s Site) []part {
	parts := []part{{s.Part, l.site}}
	for _, name := range l.files("include", s.Include) {
		for _, d := range l.open(name, yaml.Options{Env: l.env, Dir: l.dir}) {
			p := part{doc: d}
			d.Decode(&p.Part)
			parts = append(parts, p)
		}
	}
	return parts
}

// addBuses checks the buses of a file. Each is a facility of class line, too.
func (l *loader) addBuses(p part) {
	for i := range p.Buses {
		b := &bus{Bus: p.Buses[i], origin: origin{p.doc, "buses." + p.Buses[i].ID}}
		b.Validate(b.report)
		if before, twice := l.buses[b.ID]; twice {
			b.report("", fmt.Sprintf("bus %q is already in %s", b.ID, before.origin), "give one of them another name")
			continue
		}
		l.checkAddress(b)
		l.buses[b.ID] = b
		l.lines = append(l.lines, drivers.LineFacility(b.Bus))
	}
}

// checkAddress reports a bus that is another one's line under another name: two
// owners of one line disturb each other.
func (l *loader) checkAddress(b *bus) {
	for _, id := range slices.Sorted(maps.Keys(l.buses)) {
		other := l.buses[id]
		switch {
		case b.Protocol() == drivers.Modbus && strings.EqualFold(b.Address(), other.Address()):
			b.report(b.Kind(), fmt.Sprintf("bus %s has the same address as bus %s", b.ID, id), "all units behind an address share one bus: use "+id+" for them, too")
		case b.MQTT != "" && b.ClientID != "" && strings.EqualFold(b.MQTT, other.MQTT) && b.ClientID == other.ClientID:
			b.report("client_id", fmt.Sprintf("bus %s is the same client of the same broker as bus %s", b.ID, id), "the broker would throw one of them out: use "+id+" for both")
		}
	}
}
