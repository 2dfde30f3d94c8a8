// Package gateway holds the words of the trade that every other part speaks:
// site, facility, point, sample, quality, unit, instant.
//
// It imports the standard library only, does no input or output, starts no
// goroutine and reads no clock. What a word means to one part alone (an alert,
// a ticket, a rule) is defined by that part.
package gateway

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// FacilityID names a facility within its site: [a-z0-9][a-z0-9-]*.
type FacilityID string

// ValidID reports whether s can name a facility, bus or site.
func ValidID(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}

// Facility is the unit that is repaired and counted in the intact rate: one
// lift, one pump, one fire panel, one meter.
type Facility struct {
	ID          FacilityID
	Class       Class
	Name        Text
	Building    string
	Place       string
	Criticality Criticality
	// Lines are the facilities of class Line that this one is reached through.
	// While one of them is down, what is silent behind it is a consequence.
	Lines  []FacilityID
	Points []Point
}

// Site is one estate under one gateway with its facilities and points. It is
// immutable once made.
type Site struct {
	ID       string
	Name     Text
	Location *time.Location
	Language Language

	facilities []Facility
	byFacility map[FacilityID]int
	points     []Point // by PointRef
	owner      []int32 // facility index by PointRef
	first      []PointRef
	byID       map[PointID]PointRef
}

// NewSite numbers the points of the facilities in the order given: the points
// of one facility are neighbours. An id that occurs twice is an error.
func NewSite(id string, name Text, loc *time.Location, lang Language, facilities []Facility) (*Site, error) {
	s := &Site{
		ID: id, Name: name, Location: loc, Language: lang,
		facilities: slices.Clone(facilities),
		byFacility: make(map[FacilityID]int, len(facilities)),
		byID:       make(map[PointID]PointRef),
	}
	for i := range s.facilities {
		f := &s.facilities[i]
		if _, dup := s.byFacility[f.ID]; dup {
			return nil, fmt.Errorf("facility %s exists twice", f.ID)
		}
		s.byFacility[f.ID] = i
		s.first = append(s.first, PointRef(len(s.points)))
		f.Points = slices.Clone(f.Points)
		for j := range f.Points {
			p := &f.Points[j]
			p.Facility = f.ID
			if _, dup := s.byID[p.ID()]; dup {
				return nil, fmt.Errorf("point %s exists twice", p.ID())
			}
			s.byID[p.ID()] = PointRef(len(s.points))
			s.points = append(s.points, *p)
			s.owner = append(s.owner, int32(i))
		}
	}
	return s, nil
}

// Len returns the number of points.
func (s *Site) Len() int { return len(s.points) }

// Point returns the point numbered r.
func (s *Site) Point(r PointRef) *Point { return &s.points[r] }

// Points yields every point with its number, in order.
func (s *Site) Points() iter.Seq2[PointRef, *Point] {
	return func(yield func(PointRef, *Point) bool) {
		for i := range s.points {
			if !yield(PointRef(i), &s.points[i]) {
				return
			}
		}
	}
}

// Lookup returns the number of the point with the full name id.
func (s *Site) Lookup(id PointID) (PointRef, bool) { r, ok := s.byID[id]; return r, ok }

// Facilities returns all facilities in the order of the site file. The slice
// must not be changed.
func (s *Site) Facilities() []Facility { return s.facilities }

// Facility returns the facility named id, or nil.
func (s *Site) Facility(id FacilityID) *Facility {
	if i, ok := s.byFacility[id]; ok {
		return &s.facilities[i]
	}
	return nil
}

// FacilityOf returns the facility that the point numbered r belongs to.
func (s *Site) FacilityOf(r PointRef) *Facility { return &s.facilities[s.owner[r]] }

// FacilityIndex returns the place of the facility named id in Facilities, or -1.
func (s *Site) FacilityIndex(id FacilityID) int {
	if i, ok := s.byFacility[id]; ok {
		return i
	}
	return -1
}

// PointsOf returns the numbers of the points of facility number i in
// Facilities: from first up to but not including end.
func (s *Site) PointsOf(i int) (first, end PointRef) {
	first = s.first[i]
	return first, first + PointRef(len(s.facilities[i].Points))
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
