package drivers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// maxPoints is how many points a profile may have once it is expanded.
const maxPoints = 10_000

// Repeat is a group of points that a device has several times at equal
// distances: the pumps of a set, the detectors of the loops of a panel.
type Repeat struct {
	ID string `yaml:",key"`
	// Name comes before the names of the points, joined by "_". It holds every
	// index in braces, as the texts of the points may: "l{loop}d{addr}".
	Name   string  `yaml:"name"`
	Over   []Index `yaml:"over,keyed"`
	When   string  `yaml:"when"` // a bitset of which bit n says whether the nth one is there, from 0
	Points []Point `yaml:"points,keyed"`
}

// Index is one number that a group is repeated over.
type Index struct {
	Name string `yaml:",key"`
	Span Span   `yaml:"span,scalar"`
}

// Span is a run of whole numbers, and how many registers lie between two of
// them. It is written "1..6 by 10"; without "by" it is one register.
type Span struct{ First, Last, Stride int }

// UnmarshalText reads "1..6 by 10".
func (s *Span) UnmarshalText(b []byte) error {
	text, by, strided := strings.Cut(string(b), " by ")
	from, to, ok := strings.Cut(text, "..")
	stride := 1
	first, err1 := strconv.Atoi(strings.TrimSpace(from))
	last, err2 := strconv.Atoi(strings.TrimSpace(to))
	var err3 error
	if strided {
		stride, err3 = strconv.Atoi(strings.TrimSpace(by))
	}
	if !ok || err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("%q is no run of numbers such as 1..6 by 10", b)
	}
	*s = Span{first, last, stride}
	return nil
}

// count returns how many numbers there are, 0 for what cannot be.
func (s Span) count() int {
	if s.First < 0 || s.Last < s.First || s.Last-s.First >= maxPoints {
		return 0
	}
	return s.Last - s.First + 1
}

// expanded returns all points of the profile, those that are repeated included
// and those it is without left out, and where each of them is written. What
// cannot be expanded is left out; validateRepeats reports it.
func (p *Profile) expanded() (points []Point, paths []string) {
	add := func(pt Point, path string) {
		if !slices.Contains(p.Without, pt.Name) {
			points, paths = append(points, pt), append(paths, path)
		}
	}
	for _, pt := range p.Points {
		add(pt, "points."+pt.Name)
	}
	for i := range p.Repeat {
		r := &p.Repeat[i]
		if n := r.count(); n == 0 || len(points)+n > maxPoints {
			continue
		}
		nth := 0
		r.each(func(put func(string) string, offset int) {
			for j := range r.Points {
				add(r.point(j, put, offset, nth), "repeat."+r.ID+".points."+r.Points[j].Name)
			}
			nth++
		})
	}
	return points, paths
}

// count returns how many points the group makes.
func (r *Repeat) count() int {
	n := len(r.Points)
	for _, index := range r.Over {
		if n *= index.Span.count(); n > maxPoints {
			return 0
		}
	}
	return n
}

// each calls do for every combination of the indices, the last one running
// fastest, with what puts their values into a text and how many registers it is
// away from the first one.
func (r *Repeat) each(do func(put func(string) string, offset int)) {
	values := make([]int, len(r.Over))
	var run func(k, offset int)
	run = func(k, offset int) {
		if k == len(r.Over) {
			do(func(s string) string {
				for i, index := range r.Over {
					s = strings.ReplaceAll(s, "{"+index.Name+"}", strconv.Itoa(values[i]))
				}
				return s
			}, offset)
			return
		}
		span := r.Over[k].Span
		for n := span.First; n <= span.Last; n++ {
			values[k] = n
			run(k+1, offset+(n-span.First)*span.Stride)
		}
	}
	run(0, 0)
}

// point returns point j of the nth one of the group.
func (r *Repeat) point(j int, put func(string) string, offset, nth int) Point {
	pt := r.Points[j]
	prefix := put(r.Name) + "_"
	// A point of the group refers to others of the same one by their short name.
	full := func(name string) string {
		if slices.ContainsFunc(r.Points, func(other Point) bool { return other.Name == name }) {
			return prefix + name
		}
		return name
	}
	pt.Name = prefix + pt.Name
	pt.Text = gateway.Text{ZH: put(pt.Text.ZH), EN: put(pt.Text.EN)}
	if pt.Reg != nil {
		pt.Reg = new(*pt.Reg + offset)
	}
	if pt.Gate != nil {
		g := *pt.Gate
		g.Point = full(g.Point)
		pt.Gate = &g
	} else if r.When != "" {
		pt.Gate = &Gate{Point: r.When, Bit: &nth}
	}
	if pt.Factor != nil {
		pt.Factor = &Factor{Point: full(pt.Factor.Point), As: pt.Factor.As}
	}
	return pt
}

// validateRepeats checks what keeps groups from being expanded.
func (p *Profile) validateRepeats(report gateway.Report) {
	if len(p.Repeat) > 0 && p.Protocol == MQTT {
		report("repeat", "an MQTT profile has no registers at equal distances", "write the points out")
		return
	}
	all := len(p.Points)
	for i := range p.Repeat {
		r := &p.Repeat[i]
		at := report.At("repeat." + r.ID)
		spans := true
		for _, index := range r.Over {
			if index.Span.count() == 0 {
				at("over."+index.Name, fmt.Sprintf("from %d to %d there is nothing to count", index.Span.First, index.Span.Last), "the lower number first, from 0 on, such as 1..6 by 10")
				spans = false
			}
			if !strings.Contains(r.Name, "{"+index.Name+"}") {
				at("name", fmt.Sprintf("%q does not say which %s it is", r.Name, index.Name), "put {"+index.Name+"} into it")
			}
		}
		if len(r.Points) == 0 {
			at("points", "the group has no points", "")
		}
		if len(r.Over) == 0 {
			at("over", "nothing says how often the points are there", "such as {n: 1..6 by 10}")
		}
		if n := r.count(); spans && len(r.Points) > 0 && (n == 0 || all+n > maxPoints) {
			at("over", fmt.Sprintf("the profile would have more than %d points", maxPoints), "fewer of them")
		} else {
			all += n
		}
		if r.When == "" {
			continue
		}
		if len(r.Over) > 1 {
			at("when", "with several indices no bit belongs to one of them", "leave out when")
		}
		for j := range r.Points {
			if r.Points[j].Gate != nil {
				at("points."+r.Points[j].Name+".valid_when", "the point depends on "+r.When+" already", "leave out valid_when, or when")
			}
		}
	}
}
