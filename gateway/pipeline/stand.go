package pipeline

import (
	"context"
	"errors"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// RuleStand is where one instance of a rule stands, and what decides what people
// see of it.
type RuleStand struct {
	rules.Stand
	Key   string
	Point gateway.PointID
	Terms string
	// Features are what it looks back at.
	Features []rules.Feature
	Alert    *alerts.Alert // the open one, nil for none
	Cause    *alerts.Alert // that hides Alert
}

// Rule returns where the instances of a rule on a facility stand at at, in the
// order of the configuration, none if there is no such rule. The error is
// ErrStopped or that of ctx.
func (p *Pipeline) Rule(ctx context.Context, f gateway.FacilityID, rule string) (found []RuleStand, at gateway.Instant, err error) {
	var all []RuleStand // not to be read if ctx ends while the loop is at work on it
	var then gateway.Instant
	err = p.act(ctx, func(now gateway.Instant) error {
		all, then = p.ruleStands(f, rule), now
		return errNothing
	})
	if errors.Is(err, errNothing) {
		return all, then, nil
	}
	return nil, 0, err
}

func (p *Pipeline) ruleStands(f gateway.FacilityID, rule string) (all []RuleStand) {
	open := p.parts.Book.Open()
	byID := make(map[alerts.ID]*alerts.Alert, len(open))
	byKey := make(map[string]*alerts.Alert, len(open))
	for i := range open {
		byID[open[i].ID], byKey[open[i].Key] = &open[i], &open[i]
	}
	for i, in := range p.parts.Engine.Instances() {
		if in.Facility != f || in.Rule.ID != rule {
			continue
		}
		ref := rules.Ref(i)
		s := RuleStand{
			Stand: p.parts.Engine.Stand(ref), Key: in.Key, Terms: p.parts.Engine.Terms(ref),
			Features: p.parts.Engine.FeaturesOf(ref), Alert: byKey[in.Key],
		}
		if in.Point != gateway.NoPoint {
			s.Point = p.parts.Site.Point(in.Point).ID()
		}
		if s.Alert != nil && s.Alert.Visibility == alerts.Suppressed {
			s.Cause = byID[s.Alert.Cause]
		}
		all = append(all, s)
	}
	return all
}
