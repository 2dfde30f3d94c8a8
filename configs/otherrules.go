package configs

import (
	"io/fs"
	"slices"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// WithRules returns c with the rule file called name in fsys in the place of the
// site's own rule files. A rule in it that ships, too, takes the place of that
// one, so that a changed copy of a pack can be tried. Params that the site sets
// and no rule has any more are left out. The error is an *Errors unless the file
// cannot be opened.
func (c *Config) WithRules(fsys fs.FS, name string) (*Config, error) {
	src, err := readAll(fsys, name)
	if err != nil {
		return nil, err
	}
	l := newLoader(fsys, name, Options{Now: c.Settings.At.Time()})
	other := *c
	other.Packs, other.Warnings = nil, nil
	if docs := l.parse(name, src, yaml.Options{Many: true}); len(docs) > 0 {
		l.site = docs[0]
		l.addShippedPacks(&c.rules)
		for _, d := range docs {
			l.replace(d)
		}
		l.addPack(docs, false)
		written := l.knownParams(c)
		l.compile(&other, &written)
	}
	if problems := l.problems(); len(problems) > 0 {
		return nil, &Errors{Problems: problems}
	}
	other.Warnings = l.warnings
	return &other, nil
}

// replace takes the rules that are also in the pack d out of those that ship.
func (l *loader) replace(d *yaml.Document) {
	var own rules.Pack
	d.Decode(&own)
	for i := range l.packs {
		if p := &l.packs[i]; p.Class == own.Class {
			p.Rules = slices.DeleteFunc(p.Rules, func(s rules.Spec) bool {
				return slices.ContainsFunc(own.Rules, func(o rules.Spec) bool { return o.ID == s.ID })
			})
		}
	}
}

// knownParams returns what c sets of the params that a pack still has.
func (l *loader) knownParams(c *Config) Rules {
	known := Rules{
		Classes: make(map[gateway.Class]map[string]gateway.Quantity),
		Set:     make(map[gateway.FacilityID]map[string]gateway.Quantity),
	}
	for class, params := range c.rules.Classes {
		known.Classes[class] = l.ofClass(class, params)
	}
	for id, params := range c.rules.Set {
		known.Set[id] = l.ofClass(c.Site.Facility(id).Class, params)
	}
	for _, o := range c.rules.Overrides {
		o.Set = l.ofClass(c.Site.Facility(o.Facility).Class, o.Set)
		if len(o.Set) > 0 {
			known.Overrides = append(known.Overrides, o)
		}
	}
	return known
}

// ofClass returns those of params that a pack for the class has.
func (l *loader) ofClass(class gateway.Class, params map[string]gateway.Quantity) map[string]gateway.Quantity {
	known := make(map[string]gateway.Quantity)
	for name, value := range params {
		if slices.ContainsFunc(l.packs, func(p pack) bool {
			return (p.Class == class || p.Class == anyClass) && slices.ContainsFunc(p.Params, func(of rules.Param) bool { return of.Name == name })
		}) {
			known[name] = value
		}
	}
	return known
}
