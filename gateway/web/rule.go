package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// ruleJSON is where a rule stands on a facility; of a rule that lists points, on
// one of them.
type ruleJSON struct {
	Site     string             `json:"site"`
	Facility gateway.FacilityID `json:"facility"`
	Rule     string             `json:"rule"`
	Key      string             `json:"key"`
	Point    gateway.PointID    `json:"point,omitempty"`
	At       *time.Time         `json:"at"` // when it stood so
	Phase    string             `json:"phase"`
	Severity string             `json:"severity,omitempty"` // not while normal
	Stale    bool               `json:"stale"`
	Since    *time.Time         `json:"since"`
	Ends     *time.Time         `json:"ends"` // of the hold or clear time that runs
	Left     *float64           `json:"left"` // seconds of it; also while it stands still
	Paused   bool               `json:"paused"`
	Terms    string             `json:"terms"`
	Clears   gateway.Text       `json:"clears,omitzero"` // what would end it
	OverTime []featureJSON      `json:"over_time,omitempty"`
	Alert    *alerts.ID         `json:"alert"`
	ShownAs  string             `json:"shown_as,omitempty"` // of the alert
	Shelf    *shelfJSON         `json:"shelf"`
	Cause    *causeJSON         `json:"cause"` // what hides the alert
}

// featureJSON is what a rule looks back at. Value is null while it is not known.
type featureJSON struct {
	Name  string       `json:"name"`  // as it is written in the rule
	Means gateway.Text `json:"means"` // in words
	Value *float64     `json:"value"`
	Unit  string       `json:"unit,omitempty"`
}

// causeJSON names the alert behind which another one is hidden.
type causeJSON struct {
	Alert    alerts.ID          `json:"alert"`
	Facility gateway.FacilityID `json:"facility"`
	Rule     string             `json:"rule"`
	Title    gateway.Text       `json:"title"`
}

// getRule answers with a list: a rule that lists points has an item for each.
func (s *server) getRule(r *http.Request) (any, error) {
	facility, rule := gateway.FacilityID(r.PathValue("facility")), r.PathValue("rule")
	ctx, cancel := context.WithTimeout(r.Context(), actLimit)
	defer cancel()
	found, at, err := s.desk.Rule(ctx, facility, rule)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, newProblem(http.StatusNotFound, "rule_not_found", "there is no such rule on this facility", "intact explain FACILITY lists its rules")
	}
	site := s.desk.Snapshot().Site
	l := list[ruleJSON]{Items: make([]ruleJSON, 0, len(found))}
	for i := range found {
		l.Items = append(l.Items, viewRule(site, facility, rule, at, &found[i]))
	}
	return l, nil
}

func viewRule(site *gateway.Site, facility gateway.FacilityID, rule string, at gateway.Instant, r *pipeline.RuleStand) ruleJSON {
	loc := site.Location
	j := ruleJSON{
		Site: site.ID, Facility: facility, Rule: rule, Key: r.Key, Point: r.Point, At: when(at, loc),
		Phase: r.Phase.String(), Stale: r.Stale, Since: when(r.Since, loc), Ends: when(r.Ends, loc), Paused: r.Paused,
		Terms: r.Terms, Clears: clears(&r.Stand),
	}
	if r.Phase != rules.Normal {
		j.Severity = r.Severity.String()
	}
	for _, f := range r.Features {
		view := featureJSON{Name: f.Written, Means: f.Means, Unit: f.Unit}
		if f.Quality.HasValue() {
			view.Value = number(f.Value)
		}
		j.OverTime = append(j.OverTime, view)
	}
	switch {
	case !r.Ends.IsZero():
		j.Left = new(max(r.Ends.Sub(at), 0).Seconds())
	case r.Paused:
		j.Left = new(r.Left.Seconds())
	}
	if a := r.Alert; a != nil {
		j.Alert, j.ShownAs = &a.ID, a.ShownAs()
		if a.Shelved() {
			j.Shelf = &shelfJSON{when(a.Shelf.Since, loc), when(a.Shelf.Until, loc), a.Shelf.By, a.Shelf.Second, a.Shelf.Reason}
		}
	}
	if c := r.Cause; c != nil {
		j.Cause = &causeJSON{c.ID, c.Facility, c.Rule, c.Title}
	}
	return j
}

// clears says what would end what a rule says now, in plain words.
func clears(s *rules.Stand) gateway.Text {
	if s.Phase == rules.Normal {
		return gateway.Text{}
	}
	zh, en := []string{s.Until}, []string{s.Until}
	if s.Stale {
		zh, en = append(zh, "且输入数据恢复"), append(en, "once its inputs are known again")
	}
	if s.Phase == rules.Active && s.ClearAfter > 0 {
		zh = append(zh, "持续"+durationText(s.ClearAfter, words{gateway.Chinese}))
		en = append(en, "for "+durationText(s.ClearAfter, words{gateway.English}))
	}
	if s.Phase == rules.Active && s.Latch {
		zh, en = append(zh, "再由人工复位"), append(en, "and then a person resets it")
	}
	return gateway.Text{ZH: strings.Join(zh, "，"), EN: strings.Join(en, ", ")}
}
