package drivers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// Derived is a point that is computed from others: by the formula alone, or with
// what it means. A truth is a discrete point, anything else an analog one.
type Derived struct {
	Name     string       `yaml:",key"`
	Formula  string       `yaml:"formula,scalar,required"` // such as link && !ucm_test, or (i_l1 + i_l2) / 2
	Text     gateway.Text `yaml:"name"`
	Unit     string       `yaml:"unit"` // default: that of the formula
	Role     string       `yaml:"role"`
	Kind     string       `yaml:"kind"` // counter for a total of totals
	Decimals *int         `yaml:"decimals"`
}

// Point returns the point as it is before formula.Complete.
func (d *Derived) Point() gateway.Point {
	p := gateway.Point{Name: d.Name, Text: d.Text, Role: d.Role, Unit: d.Unit, Formula: d.Formula}
	p.Kind, _ = gateway.ParseKind(d.Kind)
	if p.Text.IsZero() {
		p.Text.EN = d.Name
	}
	if p.Decimals = defaultDecimals; d.Decimals != nil {
		p.Decimals = *d.Decimals
	}
	return p
}

// Validate reports mistakes in what is written beside the formula.
func (d *Derived) Validate(report gateway.Report) {
	validateName(report, d.Name)
	validateLook(report, d.Role, d.Unit, d.Decimals)
	oneOf(report, "kind", d.Kind, "", gateway.Analog.String(), gateway.Discrete.String(), gateway.Counter.String())
}

// ValidateDerived reports mistakes in the formulas of derived, which are made
// from each other and from the other points of a facility. path leads to their
// keys.
func ValidateDerived(report gateway.Report, path string, derived []Derived, others []gateway.Point) {
	points := slices.Clone(others)
	for i := range derived {
		d := &derived[i]
		d.Validate(report.At(path + "." + d.Name))
		if slices.ContainsFunc(others, func(p gateway.Point) bool { return p.Name == d.Name }) {
			report(path+"."+d.Name, fmt.Sprintf("there is a point %s already", d.Name), "give the derived one another name")
		}
		points = append(points, d.Point())
	}
	formula.Compile(points, 0, func(i int, err *formula.Error) {
		if i >= len(others) {
			report(path+"."+points[i].Name+".formula", err.Error(), err.Hint)
		}
	})
}

// derived returns the derived points that the device has.
func (p *Profile) derived() []Derived {
	return slices.DeleteFunc(slices.Clone(p.Derive), func(d Derived) bool { return slices.Contains(p.Without, d.Name) })
}

// measured returns the points of the profile that a device tells, with its link.
func (p *Profile) measured() []gateway.Point {
	alone := *p
	alone.Derive = nil
	return append(alone.GatewayPoints(Device{}), LinkPoint(1))
}

// SourceFormula returns the formula of a point as it is meant where its profile
// is source number n of a facility: link is the link of that source.
func SourceFormula(text string, n int) string {
	return formula.Rename(text, func(name string) string {
		if name == gateway.LinkPoint {
			return linkName(n)
		}
		return name
	})
}

// deriveSamples completes what a vector gives by what is derived from it while
// the link is up. The result is by the name of the point.
func (p *Profile) deriveSamples(got map[int]gateway.Sample) map[string]gateway.Sample {
	points := p.measured()
	link := len(points) - 1
	for i := range p.Derive {
		points = append(points, p.Derive[i].Point())
	}
	latest := make([]gateway.Sample, len(points))
	for i, s := range got {
		latest[i] = s
	}
	latest[link] = gateway.Sample{Quality: gateway.Good, Value: 1}
	for _, d := range formula.Compile(points, 0, func(int, *formula.Error) {}) {
		latest[d.Point] = d.Sample(latest)
	}
	all := make(map[string]gateway.Sample, len(points))
	for i := range points {
		all[points[i].Name] = latest[i]
	}
	return all
}

// validateName checks what a point of a profile is called.
func validateName(report gateway.Report, name string) {
	switch {
	case !word(name):
		report("", fmt.Sprintf("%q cannot be the name of a point", name), nameHint)
	case name == gateway.LinkPoint || strings.HasPrefix(name, gateway.LinkPoint+"."):
		report("", fmt.Sprintf("the name %s is taken by the driver", name), "name it otherwise")
	}
}

// validateLook checks what rules and screens go by.
func validateLook(report gateway.Report, role, unit string, decimals *int) {
	if role != "" && !word(role) {
		report("role", fmt.Sprintf("%q cannot be a role", role), nameHint+", such as voltage.l1")
	}
	if !gateway.ValidUnit(unit) {
		report("unit", fmt.Sprintf("unknown unit %q", unit), "one of "+joinWords(gateway.Units()))
	}
	if decimals != nil && (*decimals < 0 || *decimals > maxDecimals) {
		report("decimals", fmt.Sprintf("%d digits", *decimals), fmt.Sprintf("0 to %d", maxDecimals))
	}
}
