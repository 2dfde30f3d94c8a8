package rules

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Stand is where an instance stands at this moment.
type Stand struct {
	Phase    Phase
	Severity Severity // of the level in force, or that would come into force; meaningless while Normal
	Stale    bool
	Since    gateway.Instant // first sample of the fault, or without it while Clearing; 0 while Normal
	// Ends is when the hold or clear_after that is nearest its end passes; 0 if
	// none runs. While it stands still, because its inputs are not known, Paused
	// is set and Left is what remains.
	Ends   gateway.Instant
	Paused bool
	Left   time.Duration
	// Until is what ends it: the reset condition of the level in force, or of a
	// hold that its condition no longer holds, as in Engine.Terms; "" while Normal.
	// After it ClearAfter has to pass and, if Latch is set, a person to reset it.
	Until      string
	ClearAfter time.Duration
	Latch      bool
}

// Stand returns where the instance numbered ref stands.
func (e *Engine) Stand(ref Ref) Stand {
	in := &e.instances[ref]
	now := Stand{Phase: in.phase, Severity: in.severity, Stale: in.stale, ClearAfter: in.clearAfter, Latch: in.rule.Latch}
	for i := in.first; i < in.end; i++ {
		s := &e.steps[i]
		if s.phase == Normal {
			continue
		}
		now.Since = s.began // of the worst that has begun
		now.Until = e.phrase(s.reset)
		if in.phase == Pending {
			now.Until = e.phrase(negated(s.when))
		}
		if in.phase == Clearing && s.phase == Clearing {
			now.Since = s.ended
		}
		if s.deadline != 0 && (now.Ends == 0 || s.deadline < now.Ends) {
			now.Ends = s.deadline
		}
		if s.paused && (!now.Paused || s.left < now.Left) {
			now.Paused, now.Left = true, s.left
		}
	}
	return now
}
