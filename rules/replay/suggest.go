package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// leastChatter is how often a rule must come again at once to be worth a
// suggestion.
const leastChatter = 3

// Setting is what a suggestion changes.
type Setting string

// The settings, in the order in which they are worth trying: a dead band costs
// no time, and a longer clear_after hides no fault.
const (
	Reset      Setting = "reset"
	ClearAfter Setting = "clear_after"
	Hold       Setting = "hold"
)

// Suggestion is another value for one setting of a rule, and what the recording
// says of it.
type Suggestion struct {
	Class         gateway.Class
	Rule          string
	Setting       Setting
	Now, Then     string // as they are written in the rule
	Before, After Tally  // on all facilities
	Missed        Missed // faults that would not be told of
	Stops         bool   // no chatter is left; else at least half of it is gone
}

// helps reports whether at least half of the chatter is gone. An alarm that only
// comes a little later than within the minute is not gone.
func (s *Suggestion) helps() bool {
	return s.Before.Chatter >= leastChatter && 2*s.After.Chatter <= s.Before.Chatter &&
		2*(s.Before.Activations-s.After.Activations) >= s.Before.Chatter
}

// candidate is a rule with another value of one setting.
type candidate struct {
	pack      int    // in the plan
	of        string // the id of the rule it is made of
	spec      rules.Spec
	setting   Setting
	now, then string
	pairs     map[string]*pair // by facility and point
}

// original is the id under which the unchanged rule is tried: two packs may each
// have a rule of one name.
func (c *candidate) original() string { return fmt.Sprintf("%s@%d", c.of, c.pack) }

// pair returns what follows the rule and its candidate in one place.
func (c *candidate) pair(place string) *pair {
	if c.pairs == nil {
		c.pairs = make(map[string]*pair)
	}
	if c.pairs[place] == nil {
		c.pairs[place] = new(pair)
	}
	return c.pairs[place]
}

// Suggest says what would keep the rules that chattered from it: for each the
// smallest value of each setting that halves the chatter and the smallest that
// stops it, found by replaying with them. chattered is what Run returned.
//
// A rule that may save a life is never told later, and no rule by more than a
// quarter of the time in which somebody has to act.
func Suggest(ctx context.Context, plan *Plan, chattered []Rule, open Open, o Options) ([]Suggestion, error) {
	tried := plan.candidates(chattered)
	if len(tried) == 0 {
		return nil, nil
	}
	engine, tried := plan.compileCandidates(tried)
	p := newPlayer(plan, engine)
	tell := follow(engine, tried)
	p.change = func(c rules.Change) {
		for _, on := range tell[c.Ref] {
			on(c)
		}
	}
	if err := play(ctx, open, o, p); err != nil {
		return nil, err
	}
	var all []Suggestion
	for i := range tried {
		c := &tried[i]
		s := Suggestion{Class: plan.Packs[c.pack].Class, Rule: c.of, Setting: c.setting, Now: c.now, Then: c.then}
		for _, pair := range c.pairs {
			pair.finish(p.To)
			s.Before.add(pair.before.Tally)
			s.After.add(pair.after.Tally)
			s.Missed.add(pair.Missed)
		}
		s.Stops = s.After.Chatter == 0
		if s.helps() {
			all = append(all, s)
		}
	}
	return smallest(all), nil
}

// smallest keeps of each setting of a rule the first value that halves the
// chatter, and the first that stops it if that is another one.
func smallest(all []Suggestion) (kept []Suggestion) {
	type which struct {
		class   gateway.Class
		rule    string
		setting Setting
	}
	halved, stopped := make(map[which]bool), make(map[which]bool)
	for _, s := range all { // the values of a setting come in their order
		w := which{s.Class, s.Rule, s.Setting}
		if !halved[w] || s.Stops && !stopped[w] {
			kept = append(kept, s)
		}
		halved[w] = true
		stopped[w] = stopped[w] || s.Stops
	}
	return kept
}

// candidates returns what is worth trying for the rules that chattered.
func (p *Plan) candidates(chattered []Rule) (tried []candidate) {
	count := make(map[[2]string]int) // by class of the facility and rule
	for _, r := range chattered {
		facility, rest, _ := strings.Cut(r.Key, "/")
		rule, _, _ := strings.Cut(rest, "/")
		if f := p.Site.Facility(gateway.FacilityID(facility)); f != nil {
			count[[2]string{string(f.Class), rule}] += r.Chatter
			count[[2]string{"any", rule}] += r.Chatter
		}
	}
	for i := range p.Packs {
		for _, spec := range p.Packs[i].Rules {
			if count[[2]string{string(p.Packs[i].Class), spec.ID}] < leastChatter {
				continue
			}
			for _, c := range slices.Concat(bands(&spec, p.Packs[i].Params), clears(&spec), holds(&spec)) {
				c.pack, c.of = i, spec.ID
				tried = append(tried, c)
			}
		}
	}
	return tried
}

// compileCandidates makes an engine of candidates and of the rules that they are
// made of. A candidate that cannot be on some facility is left out.
func (p *Plan) compileCandidates(tried []candidate) (*rules.Engine, []candidate) {
	var packs []rules.Pack
	last := -1 // candidates of one rule, and rules of one pack, are neighbours
	rule := ""
	for i := range tried {
		c := &tried[i]
		c.spec.ID = fmt.Sprintf("%s#%d", c.of, i)
		original := &p.Packs[c.pack]
		if c.pack != last {
			packs = append(packs, rules.Pack{Class: original.Class, Params: original.Params})
			last, rule = c.pack, ""
		}
		pack := &packs[len(packs)-1]
		if c.of != rule {
			at := slices.IndexFunc(original.Rules, func(s rules.Spec) bool { return s.ID == c.of })
			same := original.Rules[at]
			same.ID = c.original()
			pack.Rules = append(pack.Rules, same)
			rule = c.of
		}
		pack.Rules = append(pack.Rules, c.spec)
	}
	refused := make(map[string]bool)
	engine := rules.Compile(p.Site, packs, p.Settings, func(path, _, _ string) {
		// Params of rules that are not tried are missed, too: that says nothing.
		if _, rest, ok := strings.Cut(path, "].rules."); ok {
			id, _, _ := strings.Cut(rest, ".")
			refused[id] = true
		}
	})
	return engine, slices.DeleteFunc(tried, func(c candidate) bool { return refused[c.spec.ID] })
}

// follow returns what is to be told of each change of an instance, by Ref: the
// original tells all candidates that are made of it.
func follow(engine *rules.Engine, tried []candidate) [][]func(rules.Change) {
	byID := make(map[string]*candidate)
	made := make(map[string][]*candidate) // by original
	for i := range tried {
		byID[tried[i].spec.ID] = &tried[i]
		made[tried[i].original()] = append(made[tried[i].original()], &tried[i])
	}
	tell := make([][]func(rules.Change), len(engine.Instances()))
	for ref, in := range engine.Instances() {
		place := fmt.Sprintf("%s/%d", in.Facility, in.Point)
		if c := byID[in.Rule.ID]; c != nil {
			tell[ref] = append(tell[ref], c.pair(place).onAfter)
			continue
		}
		for _, c := range made[in.Rule.ID] {
			tell[ref] = append(tell[ref], c.pair(place).onBefore)
		}
	}
	return tell
}
