package pipeline

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// How long an input of a rule may be without a value while its device answers.
const (
	leastBlind = time.Minute
	blindPolls = 3
)

// sight is what of a facility the rules have to see. A device may answer and
// still not tell what matters: a register that it refuses for ever, a sensor
// that is not connected. No rule on it would ever raise an alarm, so the missing
// value has to.
type sight struct {
	blind  gateway.PointRef // where it is told
	links  []gateway.PointRef
	inputs []input
	told   float64 // what was told last, or untold
}

// untold is what a gateway has told of a facility when it starts: nothing. What
// the one before it has told may still hold.
const untold = -1

type input struct {
	point   gateway.PointRef
	means   float64 // what the facility is without it
	polled  bool
	grace   time.Duration
	missing gateway.Instant // since when it has no value; 0 while it has one
}

// watchInputs returns what to watch of each facility that has a blind point.
func watchInputs(site *gateway.Site, engine *rules.Engine) []sight {
	var sights []sight
	for i := range site.Facilities() {
		s := sight{blind: gateway.NoPoint, told: untold}
		first, end := site.PointsOf(i)
		for ref := first; ref < end; ref++ {
			switch p := site.Point(ref); {
			case p.Role == gateway.BlindPoint:
				s.blind = ref
			case p.Role == gateway.LinkPoint:
				s.links = append(s.links, ref)
			default:
				if read, impairs := engine.Reads(ref); read {
					in := input{point: ref, means: gateway.BlindToSome, polled: p.Period > 0, grace: max(leastBlind, blindPolls*p.Period)}
					if impairs {
						in.means = gateway.BlindToFaults
					}
					s.inputs = append(s.inputs, in)
				}
			}
		}
		if s.blind != gateway.NoPoint {
			sights = append(sights, s)
		}
	}
	return sights
}

// skip lets the time that a clock was set forward by count for nothing.
func (s *sight) skip(d time.Duration) {
	for i := range s.inputs {
		if in := &s.inputs[i]; !in.missing.IsZero() {
			in.missing = in.missing.Add(d)
		}
	}
}

// look returns what the facility cannot see at now, and whether there is anything
// to tell. While all its devices are silent that is told by their links, and
// after they have come back their values get the time to follow. Waiting for a
// value is not seeing it: while it lasts, a facility that was blind stays so, and
// of one of which nothing was told yet nothing is.
func (s *sight) look(latest []gateway.Sample, now gateway.Instant) (blind float64, tell bool) {
	reachable := false
	for _, ref := range s.links {
		q := latest[ref].Quality
		reachable = reachable || q == gateway.NotSeen || q.HasValue() && latest[ref].Value != 0
	}
	blind, unsure := 0.0, 0.0 // what is known to be missing, and what may be
	if !reachable {
		unsure = gateway.BlindToFaults
	}
	for i := range s.inputs {
		in := &s.inputs[i]
		q := latest[in.point].Quality
		switch {
		case !reachable || q.HasValue() || q == gateway.NotSeen && !in.polled:
			in.missing = 0
		case in.missing.IsZero():
			in.missing = now
			unsure = max(unsure, in.means)
		case now.Sub(in.missing) <= in.grace:
			unsure = max(unsure, in.means)
		default:
			blind = max(blind, in.means)
		}
	}
	if s.told == untold && unsure > blind {
		return 0, false
	}
	s.told = max(blind, min(s.told, unsure))
	return s.told, true
}
