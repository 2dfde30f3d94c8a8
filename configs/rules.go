package configs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// anyClass is the class of packs whose rules are for every facility.
const anyClass gateway.Class = "any"

// addPacks reads the rule packs that the site uses: the one that is always on,
// those that ship and are chosen, and its own.
func (l *loader) addPacks(r *Rules) {
	l.addShippedPacks(r)
	for _, name := range l.files("rules.files", r.Files) {
		l.addPack(l.open(name, yaml.Options{Many: true}), false)
	}
}

// addShippedPacks reads the pack that is always on and those that are chosen.
func (l *loader) addShippedPacks(r *Rules) {
	var names []string
	for _, file := range shippedFiles("rules") {
		names = append(names, strings.TrimSuffix(path.Base(file), ".yaml"))
	}
	chosen := []string{alwaysOn}
	if r.Packs == nil {
		chosen = names
	}
	for i, name := range r.Packs {
		if !slices.Contains(names, name) {
			l.site.Report(fmt.Sprintf("rules.packs[%d]", i), fmt.Sprintf("there is no rule pack %q", name), yaml.Suggest(name, names))
		} else if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	for _, name := range chosen {
		l.addPack(l.openShipped("rules/"+name+".yaml"), true)
	}
}

// addPack keeps the packs of a file. Two rules of one name on one facility would
// be one alert: the second is refused.
func (l *loader) addPack(docs []*yaml.Document, shipped bool) {
	for _, d := range docs {
		p := pack{doc: d, shipped: shipped}
		d.Decode(&p.Pack)
		p.Validate(d.Report)
		for _, spec := range p.Rules {
			at := "rules." + spec.ID
			for _, other := range l.packs {
				if i := other.find(spec.ID); i >= 0 && (other.Class == p.Class || other.Class == anyClass || p.Class == anyClass) {
					d.Report(at, fmt.Sprintf("rule %q for %s is already in %s", spec.ID, p.Class, origin{other.doc, at}), "give it another name, or leave the other pack out of rules.packs")
				}
			}
		}
		l.packs = append(l.packs, p)
	}
}

// find returns the place of the rule called id, or -1.
func (p *pack) find(id string) int {
	return slices.IndexFunc(p.Rules, func(s rules.Spec) bool { return s.ID == id })
}

// compile has the rules laid out over the site for the mistakes that only this
// shows. Packs with mistakes of their own are left out: what Compile would say of
// them has been said.
func (l *loader) compile(c *Config, r *Rules) *rules.Engine {
	var sound []pack
	for _, p := range l.packs {
		if len(p.doc.Problems()) == 0 {
			sound = append(sound, p)
			c.Packs = append(c.Packs, p.Pack)
		}
	}
	c.Settings = l.settings(c.Site, r)
	engine := rules.Compile(c.Site, c.Packs, c.Settings, func(at, message, hint string) {
		rest, inPack := strings.CutPrefix(at, "packs[")
		if !inPack {
			// A param may be that of a pack which has mistakes of its own.
			if len(sound) == len(l.packs) {
				l.site.Report(gateway.JoinPath("rules", at), message, hint)
			}
			return
		}
		number, key, _ := strings.Cut(rest, "]")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(sound) {
			l.site.Report("rules", message, hint)
			return
		}
		sound[i].doc.Report(strings.TrimPrefix(key, "."), message, hint)
	})
	c.Instances = len(engine.Instances())
	for _, f := range engine.Features() {
		if f.Back > 0 {
			c.Features++
			c.FeatureBytes += f.Bytes
		}
	}
	l.warnOfRules(engine, sound)
	return engine
}

// settings returns the params that are set for facilities which could be laid
// out and for classes, and reports those for facilities that do not exist.
func (l *loader) settings(site *gateway.Site, r *Rules) rules.Settings {
	s := rules.Settings{At: gateway.InstantOf(l.now), Classes: r.Classes, Set: make(map[gateway.FacilityID]map[string]gateway.Quantity, len(r.Set))}
	for _, id := range slices.Sorted(maps.Keys(r.Set)) {
		if l.isThere(site, id, "rules.set."+string(id)) {
			s.Set[id] = r.Set[id]
		}
	}
	for i := range r.Overrides {
		o, at := &r.Overrides[i], fmt.Sprintf("rules.overrides[%d]", i)
		before := len(l.site.Problems())
		o.Validate(l.at(at))
		if !l.isThere(site, o.Facility, at+".facility") || len(l.site.Problems()) > before {
			// It stays in the list: its place there is where it is written.
			s.Overrides = append(s.Overrides, rules.Override{})
			continue
		}
		s.Overrides = append(s.Overrides, *o)
		if s.Ended(o, site.Location) {
			l.warn(l.site, at+".until", fmt.Sprintf("the override of %s by %s (%s) ended on %s", o.Facility, o.By, o.Reason, o.Until),
				"take it out, or set the limit under rules.set if it is to stay")
		}
	}
	return s
}

// isThere reports whether a facility that is named at path could be laid out. One
// that is not even written is a mistake.
func (l *loader) isThere(site *gateway.Site, id gateway.FacilityID, path string) bool {
	if site.Facility(id) != nil {
		return true
	}
	if _, written := l.facilities[id]; !written {
		l.site.Report(path, fmt.Sprintf("there is no facility %q", id), yaml.Suggest(string(id), words(slices.Sorted(maps.Keys(l.facilities)))))
	}
	return false
}

// warnOfRules warns of own rules that work on nothing, and of facilities that
// nothing watches but their link.
func (l *loader) warnOfRules(engine *rules.Engine, packs []pack) {
	unmatched := engine.Unmatched()
	for _, p := range packs {
		for _, spec := range p.Rules {
			if !p.shipped && slices.Contains(unmatched, string(p.Class)+"/"+spec.ID) {
				l.warn(p.doc, "rules."+spec.ID, fmt.Sprintf("rule %s applies to no facility", spec.ID), "does a facility of class "+string(p.Class)+" have the points it names?")
			}
		}
	}
	everybody := make(map[string]bool) // rules that are for every facility
	for _, p := range packs {
		for _, spec := range p.Rules {
			if p.Class == anyClass {
				everybody[spec.ID] = true
			}
		}
	}
	watched := make(map[gateway.FacilityID]bool)
	for _, in := range engine.Instances() {
		if !everybody[in.Rule.ID] {
			watched[in.Facility] = true
		}
	}
	for _, f := range l.built {
		if at := l.facilities[f.ID]; !watched[f.ID] {
			l.warn(at.doc, strings.TrimSuffix(at.path, ".id"), fmt.Sprintf("no rule watches facility %s but for its link", f.ID), "is the pack for class "+string(f.Class)+" among rules.packs?")
		}
	}
}
