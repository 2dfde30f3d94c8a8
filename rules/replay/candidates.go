package replay

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// What is tried for hold and clear_after, and for a dead band as a share of the
// limit.
var (
	triedTimes = []time.Duration{
		2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	}
	triedBands = []float64{0.002, 0.005, 0.01, 0.02, 0.05, 0.1}
)

// clears returns the rule with longer times until it counts as gone.
func clears(spec *rules.Spec) (tried []candidate) {
	for _, d := range triedTimes {
		if d > spec.ClearAfter {
			c := candidate{spec: *spec, setting: ClearAfter, now: written(spec.ClearAfter), then: written(d)}
			c.spec.ClearAfter = d
			tried = append(tried, c)
		}
	}
	return tried
}

// holds returns the rule with longer times until it is told.
func holds(spec *rules.Spec) (tried []candidate) {
	if worst(spec) == rules.LifeSafety {
		return nil
	}
	now := spec.Hold
	for _, l := range spec.Levels {
		if l.Hold != (rules.Hold{}) {
			now = l.Hold
			break
		}
	}
	if now.Polls > 0 {
		return nil // it goes with the pace of the device
	}
	for _, d := range triedTimes {
		if d <= now.Duration || spec.Why.Within > 0 && d-now.Duration > spec.Why.Within/4 {
			continue
		}
		c := candidate{spec: *spec, setting: Hold, now: written(now.Duration), then: written(d)}
		c.spec.Hold.Duration = max(d, spec.Hold.Duration)
		c.spec.Levels = slices.Clone(spec.Levels)
		for i := range c.spec.Levels {
			if h := &c.spec.Levels[i].Hold; h.Polls == 0 && *h != (rules.Hold{}) {
				h.Duration = max(h.Duration, d)
			}
		}
		tried = append(tried, c)
	}
	return tried
}

func worst(spec *rules.Spec) rules.Severity {
	sev, _ := rules.ParseSeverity(spec.Severity)
	for _, l := range spec.Levels {
		of, _ := rules.ParseSeverity(l.Severity)
		sev = max(sev, of)
	}
	return sev
}

// bands returns the rule with wider dead bands.
func bands(spec *rules.Spec, params []rules.Param) (tried []candidate) {
	for _, share := range triedBands {
		c := candidate{spec: *spec, setting: Reset}
		if spec.When != nil {
			if spec.Reset != nil || !c.conditionBand(share, params) {
				return nil
			}
		} else if !c.levelBands(share, params) {
			return nil
		}
		tried = append(tried, c)
	}
	return tried
}

// levelBands gives every level a reset that is share of its limit away from it.
func (c *candidate) levelBands(share float64, params []rules.Param) bool {
	var now, then []string
	c.spec.Levels = slices.Clone(c.spec.Levels)
	for i := range c.spec.Levels {
		l := &c.spec.Levels[i]
		limit, sign := l.Above, "-"
		if l.Below != "" {
			limit, sign = l.Below, "+"
		}
		width, ok := band(limit, share, params)
		if !ok {
			return false
		}
		now = append(now, cmp.Or(l.Reset, limit))
		l.Reset = fmt.Sprintf("%s %s %s", limit, sign, width)
		then = append(then, l.Reset)
	}
	c.now, c.then = strings.Join(now, ", "), strings.Join(then, ", ")
	return true
}

// comparison is a condition that holds one point against a limit.
var comparison = regexp.MustCompile(`^\s*([a-z][a-z0-9_.]*)\s*([<>])=?\s*([^<>=()]+?)\s*$`)

// conditionBand gives a condition that is one comparison a reset.
func (c *candidate) conditionBand(share float64, params []rules.Param) bool {
	part := comparison.FindStringSubmatch(c.spec.When.Expr)
	if part == nil {
		return false
	}
	name, op, limit := part[1], part[2], part[3]
	width, ok := band(limit, share, params)
	if !ok {
		return false
	}
	reset := fmt.Sprintf("%s < %s - %s", name, limit, width)
	if op == "<" {
		reset = fmt.Sprintf("%s > %s + %s", name, limit, width)
	}
	c.spec.Reset = &rules.Condition{Expr: reset}
	c.now, c.then = "none", reset
	return true
}

// band returns share of a limit as a quantity with one digit, and false for a
// limit that has no size: 0, or the name of a state.
func band(limit string, share float64, params []rules.Param) (gateway.Quantity, bool) {
	first, _, _ := strings.Cut(strings.TrimSpace(limit), " + ")
	first, _, _ = strings.Cut(first, " - ")
	q, err := gateway.ParseQuantity(first)
	if name, isParam := strings.CutPrefix(first, "$"); isParam {
		i := slices.IndexFunc(params, func(p rules.Param) bool { return p.Name == name })
		if i < 0 {
			return q, false
		}
		q, err = params[i].Value, nil
	}
	if err != nil || q.Value == 0 {
		return q, false
	}
	// ParseFloat of a printed number cannot fail.
	q.Value, _ = strconv.ParseFloat(strconv.FormatFloat(math.Abs(q.Value)*share, 'e', 0, 64), 64)
	return q, true
}

// written returns a duration as rule files write it: 90s, and 5min for whole
// minutes.
func written(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dmin", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	default:
		return d.String()
	}
}
