package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// profile is a device profile and where it comes from.
type profile struct {
	*drivers.Profile
	origin
	raw drivers.Profile // as it is written, with what it extends
	ok  bool            // it has no mistakes and is complete
}

// profileDocs are the files of profiles, in the order in which they were read.
type profileDocs struct {
	all    []*yaml.Document
	byName map[string]*yaml.Document // the first of each name
}

// add takes documents. Of two with one name the second is a mistake: those that
// ship come first, so that it is the site's.
func (d *profileDocs) add(docs []*yaml.Document) {
	for _, doc := range docs {
		name := doc.Text("profile")
		if before, twice := d.byName[name]; twice && name != "" {
			doc.Report("profile", fmt.Sprintf("profile %q is already in %s", name, origin{before, "profile"}), "give it a name of its own")
			continue
		}
		d.byName[name] = doc
		d.all = append(d.all, doc)
	}
}

// readProfiles reads the profiles that ship and those of the site. It keeps also
// those with mistakes, so that what uses one is not told that there is none.
func (l *loader) readProfiles(patterns []string) {
	var own [][]*yaml.Document
	for _, name := range l.files("profiles", patterns) {
		own = append(own, l.open(name, yaml.Options{Many: true}))
	}
	for _, p := range l.readDocuments(own) {
		if p.Name != "" {
			l.profiles[p.Name] = p
		}
	}
}

// readDocuments reads the profiles that ship and those in files of others.
func (l *loader) readDocuments(own [][]*yaml.Document) []*profile {
	return l.readTogether(append([][]*yaml.Document{l.shippedProfiles()}, own...))
}

// shippedProfiles returns the profiles that ship.
func (l *loader) shippedProfiles() (docs []*yaml.Document) {
	for _, name := range shippedFiles("profiles") {
		docs = append(docs, l.openShipped(name)...)
	}
	return docs
}

// readTogether reads the profiles of files. Of two with one name the first counts.
func (l *loader) readTogether(files [][]*yaml.Document) []*profile {
	docs := profileDocs{byName: make(map[string]*yaml.Document)}
	for _, file := range files {
		docs.add(file)
	}
	done := make(map[*yaml.Document]*profile)
	var profiles []*profile
	for _, doc := range docs.all {
		profiles = append(profiles, l.readProfile(doc, &docs, done))
	}
	return profiles
}

// readProfile reads one profile, after the one that it extends. done holds those
// that have been read, nil for one that is being read.
func (l *loader) readProfile(doc *yaml.Document, docs *profileDocs, done map[*yaml.Document]*profile) *profile {
	if p := done[doc]; p != nil {
		return p
	}
	done[doc] = nil
	p := &profile{Profile: new(drivers.Profile), origin: origin{doc, "profile"}}
	base, known := l.extended(doc, docs, done)
	if base != nil {
		*p.Profile = base.derive()
	}
	doc.Decode(p.Profile)
	p.raw = cloned(p.Profile)
	switch {
	case !known || base != nil && !base.ok:
		// What is missing is not for this profile to say.
	case base == nil:
		p.Validate(doc.Report)
	default:
		p.Validate(inherited(doc, base.Name))
	}
	if p.ok = known && (base == nil || base.ok) && len(doc.Problems()) == 0; p.ok {
		p.Normalize()
	}
	done[doc] = p
	return p
}

// extended returns the profile that doc extends, nil for none. It is false if
// there should be one.
func (l *loader) extended(doc *yaml.Document, docs *profileDocs, done map[*yaml.Document]*profile) (*profile, bool) {
	if !doc.Has("extends") {
		return nil, true
	}
	name := doc.Text("extends")
	base, known := docs.byName[name]
	if !known || name == "" {
		doc.Report("extends", fmt.Sprintf("there is no profile %q to extend", name), yaml.Suggest(name, slices.Sorted(maps.Keys(docs.byName))))
		return nil, false
	}
	if p, begun := done[base]; begun && p == nil {
		doc.Report("extends", fmt.Sprintf("profile %s extends itself", name), "leave it out in one of them")
		return nil, false
	}
	return l.readProfile(base, docs, done), true
}

// derive returns what a profile that extends p begins with: everything but the
// name and the samples, whose values the extension may change.
func (p *profile) derive() drivers.Profile {
	d := cloned(&p.raw)
	d.Name, d.Extends, d.Without, d.Samples = "", "", nil, nil
	d.Points = slices.DeleteFunc(d.Points, func(pt drivers.Point) bool { return slices.Contains(p.raw.Without, pt.Name) })
	d.Derive = slices.DeleteFunc(d.Derive, func(pt drivers.Derived) bool { return slices.Contains(p.raw.Without, pt.Name) })
	return d
}

// cloned returns a copy of p that can be normalized without changing p.
func cloned(p *drivers.Profile) drivers.Profile {
	c := *p
	c.Points, c.Repeat, c.Samples = slices.Clone(p.Points), slices.Clone(p.Repeat), slices.Clone(p.Samples)
	c.Derive = slices.Clone(p.Derive)
	for i := range c.Repeat {
		c.Repeat[i].Points = slices.Clone(c.Repeat[i].Points)
		c.Repeat[i].Over = slices.Clone(c.Repeat[i].Over)
	}
	return c
}

// inherited returns a Report for a profile that extends the one called base. A
// mistake in what is not written in doc is shown where it says what it extends.
func inherited(doc *yaml.Document, base string) func(path, message, hint string) {
	return func(path, message, hint string) {
		above := path[:max(0, strings.LastIndexAny(path, ".["))]
		if !doc.Has(path) && (above == "" || !doc.Has(above)) {
			message = fmt.Sprintf("%s, which comes from %s: %s", path, base, message)
			path = "extends"
		}
		doc.Report(path, message, hint)
	}
}

// changed returns the profile of a source with the points that the source says
// otherwise, under a name that no other has. It is p if there are none.
func (l *loader) changed(p *profile, s *Source, g *gateway.Facility, at origin) *profile {
	if len(s.Points) == 0 || !p.ok {
		return p
	}
	own := &profile{Profile: new(drivers.Profile), origin: p.origin}
	*own.Profile = cloned(&p.raw)
	at.doc.DecodeKeyed(at.path+".points", &own.Points)
	own.Samples = nil // the changes may give them other values
	if known := len(p.raw.Points); len(own.Points) > known {
		added := own.Points[known].Name
		at.report("points."+added, fmt.Sprintf("profile %s has no point %q", p.Name, added), "a profile of your own may add points: extends: "+p.Name)
		return own
	}
	before := len(at.doc.Problems())
	own.Validate(at.report)
	own.Name = p.Name + "@" + string(g.ID)
	if own.ok = len(at.doc.Problems()) == before; own.ok {
		own.Normalize()
		l.profiles[own.Name] = own
	}
	return own
}

// known returns the profiles without mistakes.
func (l *loader) known() map[string]*drivers.Profile {
	profiles := make(map[string]*drivers.Profile, len(l.profiles))
	for name, p := range l.profiles {
		if p.ok {
			profiles[name] = p.Profile
		}
	}
	return profiles
}
