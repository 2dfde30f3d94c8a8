package replay

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Difference is what one rule on one facility did by one plan and by another.
type Difference struct {
	Key           string
	Before, After Tally
	Missed        Missed // faults that the second plan did not tell of
	// Removed and Added say that the rule is in one of the plans only.
	Removed, Added bool
}

// Comparison is what two plans did on the same recording.
type Comparison struct {
	Before, After *Report
	Differences   []Difference // the rules that did not do the same, by key
}

// Compare plays a recording to two plans side by side. Their sites may differ;
// rules are the same if their keys are.
func Compare(ctx context.Context, before, after *Plan, open Open, o Options) (*Comparison, error) {
	pairs := make(map[string]*pair)
	p, q := newPlayer(before, before.engine()), newPlayer(after, after.engine())
	follow := func(p *player, on func(*pair, rules.Change)) {
		byRef := make([]*pair, len(p.course))
		for ref, in := range p.chain.Engine.Instances() {
			if pairs[in.Key] == nil {
				pairs[in.Key] = new(pair)
			}
			byRef[ref] = pairs[in.Key]
		}
		p.change = func(c rules.Change) { on(byRef[c.Ref], c) }
	}
	follow(p, (*pair).onBefore)
	follow(q, (*pair).onAfter)
	end, err := together(ctx, p, q, open, o)
	if err != nil {
		return nil, err
	}
	p.finish(end)
	q.finish(end)
	c := &Comparison{Before: p.report(), After: q.report()}
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		pair := pairs[key]
		pair.finish(end)
		d := Difference{Key: key, Before: pair.before.Tally, After: pair.after.Tally, Missed: pair.Missed, Removed: !q.has(key), Added: !p.has(key)}
		if d.Before != d.After || d.Missed.Count > 0 {
			c.Differences = append(c.Differences, d)
		}
	}
	return c, nil
}

func (p *player) has(key string) bool {
	return slices.ContainsFunc(p.chain.Engine.Instances(), func(in rules.Instance) bool { return in.Key == key })
}

// together reads the recording once for each of two players and lets both live
// through the same moments in the same order. It returns the last one.
func together(ctx context.Context, p, q *player, open Open, o Options) (gateway.Instant, error) {
	reading := [2]*source{{player: p}, {player: q}}
	for _, s := range reading {
		var err error
		if s.samples, err = open(s.player.plan.Site); err != nil {
			return 0, err
		}
		if err := s.read(); err != nil {
			return 0, err
		}
	}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		s := reading[0]
		if s.line == nil || reading[1].line != nil && reading[1].line[0].At < s.line[0].At {
			s = reading[1]
		}
		if s.line == nil {
			return max(p.To, q.To), nil
		}
		at := s.line[0].At
		s.player.begin(s.line, o.Gap)
		advance(p, q, at)
		s.player.take(s.line)
		if err := s.read(); err != nil {
			return 0, err
		}
	}
}

// advance lets time pass for both, so that what ends for one of them in between
// is told in its place.
func advance(p, q *player, now gateway.Instant) {
	for {
		at, due := p.chain.Next()
		if other, also := q.chain.Next(); also && (!due || other < at) {
			at, due = other, true
		}
		if !due || at >= now {
			break
		}
		p.chain.Advance(at)
		q.chain.Advance(at)
	}
	p.chain.Advance(now)
	q.chain.Advance(now)
}

// source is the recording as one player reads it.
type source struct {
	player  *player
	samples Samples
	line    []gateway.Sample // the next; nil at the end
}

func (s *source) read() (err error) {
	s.line, err = s.samples.Next()
	if errors.Is(err, io.EOF) {
		s.line, err = nil, nil
	}
	return err
}
