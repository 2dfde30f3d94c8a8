package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// lint warns of what is allowed and most likely not meant, in the rules and in
// how they fit the devices of the site.
func (l *loader) lint(c *Config, engine *rules.Engine) {
	l.lintPacks(c, engine)
	for _, f := range rules.Lint(c.Site, c.Packs, engine) {
		l.warnOfRule(c, engine, f)
	}
	l.lintSilence(c, engine)
	for ref := range c.Site.Points() {
		if read, _ := engine.Reads(ref); !read {
			c.Unread++
		}
	}
}

// lintPacks warns of packs that the site names and that nothing needs.
func (l *loader) lintPacks(c *Config, engine *rules.Engine) {
	unmatched := engine.Unmatched()
	for i, name := range c.rules.Packs {
		used := false
		for _, p := range l.packs {
			for _, spec := range p.Rules {
				used = used || p.file() == shippedAs+"rules/"+name+".yaml" && !slices.Contains(unmatched, string(p.Class)+"/"+spec.ID)
			}
		}
		if !used {
			l.warn(l.site, fmt.Sprintf("rules.packs[%d]", i), fmt.Sprintf("no rule of pack %s applies to a facility", name), "leave it out, or look whether the facilities have the class you mean")
		}
	}
}

// file returns the name of the file of the pack.
func (p *pack) file() string { return p.doc.At("").File }

// warnOfRule tells of a finding where the rule is written.
func (l *loader) warnOfRule(c *Config, engine *rules.Engine, f rules.Finding) {
	in := engine.Instances()[f.Ref]
	p := l.packOf(c.Site, in)
	at := "rules." + in.Rule.ID + "." + f.Path
	on := fmt.Sprintf("on facility %s", in.Facility)
	other := func() string {
		in := engine.Instances()[f.Other]
		return fmt.Sprintf("%s in %s", in.Rule.ID, origin{l.packOf(c.Site, in).doc, "rules." + in.Rule.ID})
	}
	switch f.Doubt {
	case rules.NoDeadBand:
		l.warn(p.doc, at, fmt.Sprintf("rule %s clears where it trips%s: a value that wavers there would ring again and again", in.Rule.ID, level(f.Path)), "give it a reset some way off the limit; intact replay finds how far")
	case rules.NoUnit:
		l.warn(p.doc, at, fmt.Sprintf("rule %s holds a number without a unit against a point that has one", in.Rule.ID), "write the unit, such as 75 degC; "+on)
	case rules.Duplicate:
		l.warn(p.doc, at, fmt.Sprintf("rule %s has%s the same condition as rule %s", in.Rule.ID, level(f.Path), other()), "one fault would be told twice; keep one of them; "+on)
	case rules.Implied:
		l.warn(p.doc, at, fmt.Sprintf("rule %s trips%s only when rule %s has tripped", in.Rule.ID, level(f.Path), other()), "one fault would be told twice; make them levels of one rule; "+on)
	}
}

// packOf returns the pack that the rule of an instance is in.
func (l *loader) packOf(site *gateway.Site, in rules.Instance) *pack {
	class := site.Facility(in.Facility).Class
	i := slices.IndexFunc(l.packs, func(p pack) bool {
		return (p.Class == class || p.Class == anyClass) && p.find(in.Rule.ID) >= 0
	})
	return &l.packs[i] // the engine was made of them
}

// level names the level that a path leads to, if it does.
func level(path string) string {
	if name, ok := strings.CutPrefix(path, "levels."); ok {
		return " at level " + name
	}
	return ""
}

// lintSilence warns of devices that speak when they like, say when a facility is
// down, and would not be missed.
func (l *loader) lintSilence(c *Config, engine *rules.Engine) {
	told := make(map[string]bool) // places: one for all devices of a list
	for i, d := range l.devices {
		p := c.Profiles[d.Profile]
		if p.Protocol != drivers.MQTT || d.Expect > 0 || p.ExpectEvery > 0 {
			continue
		}
		for _, pt := range p.GatewayPoints(d) {
			ref, _ := c.Site.Lookup(gateway.PointID(string(d.Facility) + "/" + pt.Name))
			_, impairs := engine.Reads(ref)
			if at := l.written[i]; impairs && pt.MaxAge == 0 && pt.Period == 0 && !told[at.String()] {
				told[at.String()] = true
				l.warn(at.doc, at.path, fmt.Sprintf("nobody would notice if %s fell silent, and its point %s says when the facility is down", d.Facility, pt.Name), "say how often it speaks, such as expect: 10min")
			}
		}
	}
}
