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
		if spec.When != nil && spec.Reset == nil && c.conditionBand(share, params) || spec.When == nil && c.levelBands(share, params) {
			tried = append(tried, c)
		}
	}
	return tried
}

// levelBands gives the levels a reset that is share of their limit away from it,
// unless theirs is that far away already.
func (c *candidate) levelBands(share float64, params []rules.Param) bool {
	var now, then []string
	c.spec.Levels = slices.Clone(c.spec.Levels)
	for i := range c.spec.Levels {
		l := &c.spec.Levels[i]
		limit, sign := l.Above, "-"
		if l.Below != "" {
			limit, sign = l.Below, "+"
		}
		at, known := figure(limit, params)
		off, same := figure(cmp.Or(l.Reset, limit), params)
		width, ok := band(at, share)
		if !known || !same || at.Unit != off.Unit || !ok || math.Abs(at.Value-off.Value) >= width.Value {
			continue
		}
		name := ""
		if len(c.spec.Levels) > 1 {
			name = l.Severity + " "
		}
		now = append(now, name+cmp.Or(l.Reset, limit))
		l.Reset = fmt.Sprintf("%s %s %s", limit, sign, width)
		then = append(then, name+l.Reset)
	}
	c.now, c.then = strings.Join(now, ", "), strings.Join(then, ", ")
	return now != nil
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
	at, known := figure(limit, params)
	width, ok := band(at, share)
	if !known || !ok {
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

// figure works out a limit such as "$high - 2 V" with the params as they are
// written. It returns false for the name of a state and for mixed units.
func figure(limit string, params []rules.Param) (total gateway.Quantity, ok bool) {
	for i, word := range strings.Split(strings.ReplaceAll(limit, " - ", " + -"), " + ") {
		sign := 1.0
		if rest, minus := strings.CutPrefix(word, "-"); minus && i > 0 {
			word, sign = rest, -1
		}
		q, known := quantity(strings.TrimSpace(word), params)
		if !known || i > 0 && q.Unit != total.Unit {
			return total, false
		}
		total = gateway.Quantity{Value: total.Value + sign*q.Value, Unit: q.Unit}
	}
	return total, true
}

// quantity returns what one part of a limit stands for.
func quantity(word string, params []rules.Param) (gateway.Quantity, bool) {
	if name, isParam := strings.CutPrefix(word, "$"); isParam {
		i := slices.IndexFunc(params, func(p rules.Param) bool { return p.Name == name })
		if i < 0 {
			return gateway.Quantity{}, false
		}
		return params[i].Value, true
	}
	q, err := gateway.ParseQuantity(word)
	return q, err == nil
}

// band returns share of a limit as a quantity with one digit, and false for a
// limit of nought, which says nothing of the size of the value.
func band(limit gateway.Quantity, share float64) (gateway.Quantity, bool) {
	// ParseFloat of a printed number cannot fail.
	width, _ := strconv.ParseFloat(strconv.FormatFloat(math.Abs(limit.Value)*share, 'e', 0, 64), 64)
	return gateway.Quantity{Value: width, Unit: limit.Unit}, width > 0
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
