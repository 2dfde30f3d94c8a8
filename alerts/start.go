package alerts

import (
	"slices"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Why an alert is withdrawn when the gateway starts.
const (
	FacilityRemoved = "facility removed"
	RuleRemoved     = "rule removed"
	StartsAnew      = "the rule starts anew with the gateway"
)

// Standings returns those of open alerts whose condition is in force, for the
// rules to go on with, and marks them stale: they are on trust until their inputs
// are known again.
func Standings(open []Alert) (standing []rules.Standing) {
	for i := range open {
		a := &open[i]
		if a.Stale = a.Phase != rules.Normal; a.Stale {
			standing = append(standing, rules.Standing{Key: a.Key, Phase: a.Phase, Severity: a.Severity, Since: a.Started})
		}
	}
	return standing
}

// Withdraw closes the alerts whose rule instance no longer exists, after the
// configuration has changed, or begins anew whenever the gateway starts.
func (b *Book) Withdraw(dst []Event, now gateway.Instant) []Event {
	anew := make(map[string]bool, len(b.instances)) // by key
	for i := range b.instances {
		anew[b.instances[i].Key] = b.instances[i].Rule.Restart == rules.Anew
	}
	for _, e := range inOrder(b.open) {
		reason := b.withdrawal(&e.Alert, anew)
		if reason == "" {
			continue
		}
		if e.Phase != rules.Normal {
			e.Phase, e.Cleared, e.Chatter = rules.Normal, now, Chatter{}
			b.part(e, now)
		} else if e.Chattering() {
			dst = b.calm(dst, e, now)
		}
		if e.Closed.IsZero() {
			dst = b.close(dst, e, Withdrawn, now)
			dst[len(dst)-1].Reason = reason
		}
	}
	return dst
}

// withdrawal returns why a cannot go on, or "" if it can; anew says of every
// instance whether it begins anew.
func (b *Book) withdrawal(a *Alert, anew map[string]bool) string {
	switch begins, known := anew[a.Key]; {
	case b.site.Facility(a.Facility) == nil:
		return FacilityRemoved
	case !known:
		return RuleRemoved
	case begins:
		return StartsAnew
	default:
		return ""
	}
}

// instanceOf returns the number of the instance called key, or -1.
func (b *Book) instanceOf(key string) int {
	return slices.IndexFunc(b.instances, func(in rules.Instance) bool { return in.Key == key })
}

// Retune records that the rules of open alerts were changed. The alerts stay
// until they are judged by what their rules say now.
func (b *Book) Retune(dst []Event, retuned []rules.Retuned, now gateway.Instant) []Event {
	for _, r := range retuned {
		e, i := b.open[r.Key], b.instanceOf(r.Key)
		if e == nil || e.Phase == rules.Normal || i < 0 {
			continue
		}
		e.Latch = b.instances[i].Rule.Latch
		dst = b.note(dst, e, Retuned, "", now)
		last := &dst[len(dst)-1]
		last.Quiet, last.Was, last.Now = true, r.Was, r.Now
	}
	return dst
}
