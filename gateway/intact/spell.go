package intact

import (
	"slices"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// spell is the time of an active alert that keeps a facility from being up.
type spell struct {
	alert   alerts.ID
	started gateway.Instant
}

// spells are those of one facility and kind that last.
type spells []spell

// spellsOf returns the spells of f to which those of the alert belong, or nil if
// it has no say in what f counts as.
func (f *facility) spellsOf(a alerts.Alert) *spells {
	switch {
	case f.counted && a.Rule == alerts.Blind:
		return &f.blind
	case a.Impairs || !f.counted:
		return &f.faults
	default:
		return nil
	}
}

// follow takes the alert as it is now, and says whether its spell has begun or
// ended by that. A hidden alert is a consequence and has none, but a facility is
// as blind for whatever reason it cannot be seen.
func (s *spells) follow(a alerts.Alert) (began, ended bool) {
	i := slices.IndexFunc(*s, func(x spell) bool { return x.alert == a.ID })
	active := a.Phase != rules.Normal && a.Closed.IsZero() && (a.Visibility == alerts.Shown || a.Rule == alerts.Blind)
	switch {
	case active && i < 0:
		*s = append(*s, spell{a.ID, a.Started})
		return true, false
	case !active && i >= 0:
		*s = slices.Delete(*s, i, i+1)
		return false, true
	default:
		return false, false
	}
}

// first returns when the earliest of the spells began.
func (s spells) first() (began gateway.Instant, ok bool) {
	for i, x := range s {
		if i == 0 || x.started < began {
			began = x.started
		}
	}
	return began, len(s) > 0
}
