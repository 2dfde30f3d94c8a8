package ruletest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// linkPeriod is how often drivers tell the link of a facility.
const linkPeriod = 5 * time.Second

// Site makes a site of the facilities, each with the points that a real one has
// beside those of its devices.
func (f *File) Site() (*gateway.Site, error) {
	var all []gateway.Facility
	for _, given := range f.Facilities {
		name := gateway.Text{ZH: string(given.ID), EN: string(given.ID)}
		facility := gateway.Facility{ID: given.ID, Class: given.Class, Name: name, Points: given.points()}
		if given.Line != "" {
			facility.Lines = []gateway.FacilityID{given.Line}
		}
		all = append(all, facility)
	}
	return gateway.NewSite("test", gateway.Text{ZH: "测试", EN: "Test"}, time.UTC, gateway.English, all)
}

// points returns all points of the facility, given, computed and implied.
func (f *Facility) points() []gateway.Point {
	var points []gateway.Point
	for i := range f.Points {
		points = append(points, f.Points[i].point())
	}
	for _, p := range f.implied() {
		if !slices.ContainsFunc(points, func(q gateway.Point) bool { return q.Name == p.Name }) {
			points = append(points, p)
		}
	}
	formula.Complete(points)
	return points
}

// implied returns the points that the gateway adds to a facility.
func (f *Facility) implied() []gateway.Point {
	link := gateway.Point{Name: gateway.LinkPoint, Role: gateway.LinkPoint, Kind: gateway.Discrete, Period: linkPeriod, States: gateway.LinkStates(), Line: f.Line}
	switch f.Class {
	case gateway.Gateway:
		return nil
	case gateway.Line:
		return []gateway.Point{link}
	default:
		return []gateway.Point{link, gateway.BlindnessPoint()}
	}
}

func (p *Point) point() gateway.Point {
	q := gateway.Point{Name: p.Name, Role: p.Role, Unit: p.Unit, Period: p.Period, Formula: p.Formula}
	if q.Role == "" {
		q.Role = p.Name
	}
	if kind, isKind := gateway.ParseKind(p.Is); isKind {
		q.Kind = kind
	} else {
		q.Unit = p.Is
	}
	if p.States != nil {
		q.States = make(map[int64]gateway.State, len(p.States))
		for value, name := range p.States {
			q.States[value] = gateway.State{Name: name, Text: gateway.Text{ZH: name, EN: name}}
		}
	}
	return q
}

func (f *File) facility(id gateway.FacilityID) *Facility {
	if i := slices.IndexFunc(f.Facilities, func(g Facility) bool { return g.ID == id }); i >= 0 {
		return &f.Facilities[i]
	}
	return nil
}

// point returns the point with the full name id, given or implied, or nil.
func (f *File) point(id gateway.PointID) *gateway.Point {
	facility, name, _ := strings.Cut(string(id), "/")
	g := f.facility(gateway.FacilityID(facility))
	if g == nil {
		return nil
	}
	for _, p := range g.points() {
		if p.Name == name {
			return &p
		}
	}
	return nil
}

func (f *File) pointIDs() []string {
	var ids []string
	for _, g := range f.Facilities {
		for _, p := range g.Points {
			ids = append(ids, string(g.ID)+"/"+p.Name)
		}
	}
	return ids
}

// value is one entry of a series.
type value struct {
	number  float64
	quality gateway.Quality
	none    bool
}

// mostValues keeps a slip of the finger from filling the memory.
const mostValues = 1_000_000

// parseSeries reads "0.9x10 ?x5 _x2 normal": values of the point p in its own
// unit, or the names of its states, each with a count unless it comes once.
func parseSeries(text string, p *gateway.Point) ([]value, error) {
	var values []value
	for word := range strings.FieldsSeq(text) {
		one, count := word, 1
		// A name may hold an x, too: only digits behind the last one are a count.
		if i := strings.LastIndexByte(word, 'x'); i > 0 {
			if n, err := strconv.Atoi(word[i+1:]); err == nil {
				one, count = word[:i], n
			}
		}
		if count < 1 || count > mostValues-len(values) {
			return nil, fmt.Errorf("%q: a value comes 1 to %d times", word, mostValues)
		}
		v, err := parseValue(one, p)
		if err != nil {
			return nil, err
		}
		values = append(values, slices.Repeat([]value{v}, count)...)
	}
	if values == nil {
		return nil, fmt.Errorf("the series is empty")
	}
	return values, nil
}

func parseValue(text string, p *gateway.Point) (value, error) {
	switch text {
	case "_":
		return value{none: true}, nil
	case "?":
		return value{quality: gateway.BadTimeout}, nil
	}
	number, err := p.ParseValue(text)
	return value{number: number, quality: gateway.Good}, err
}
