package modbus

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	const ms = time.Millisecond
	answers := func(n int, took time.Duration) func(*pace) {
		return func(p *pace) {
			for range n {
				p.answered(took)
			}
		}
	}
	missed := (*pace).missed
	for _, tt := range []struct {
		name string
		walk []func(*pace)
		want time.Duration
	}{
		{"from the start all of it", nil, 1000 * ms},
		{"too few answers say nothing", []func(*pace){answers(63, 100*ms)}, 1000 * ms},
		{"three times what they took", []func(*pace){answers(64, 100*ms)}, 300 * ms},
		{"not less than the least", []func(*pace){answers(64, 5*ms)}, 200 * ms},
		{"not more than configured", []func(*pace){answers(64, 400*ms)}, 1000 * ms},
		{"one burst is too little to matter", []func(*pace){answers(61, 100*ms), answers(3, 900*ms)}, 300 * ms},
		{"more is not", []func(*pace){answers(60, 100*ms), answers(4, 300*ms)}, 900 * ms},
		{"growing slow widens it", []func(*pace){answers(64, 100*ms), answers(16, 250*ms)}, 750 * ms},
		{"no answer widens it at once", []func(*pace){answers(64, 100*ms), missed}, 1000 * ms},
		{"and what was before is forgotten", []func(*pace){answers(64, 100*ms), missed, answers(63, 100*ms)}, 1000 * ms},
		{"cut off too soon, it gets twice the time", []func(*pace){answers(64, 5*ms), missed, answers(64, 5*ms)}, 400 * ms},
		{"and twice that", []func(*pace){answers(64, 5*ms), missed, answers(64, 5*ms), missed, answers(64, 5*ms)}, 800 * ms},
		{"and never less than nothing", []func(*pace){answers(64, 5*ms), missed, answers(64, 5*ms), missed, answers(64, 5*ms), missed, answers(64, 5*ms)}, 1000 * ms},
		{"no answer in all the time says nothing of the short one", []func(*pace){missed, missed, answers(64, 5*ms)}, 200 * ms},
		{"in time it is forgiven", []func(*pace){answers(64, 5*ms), missed, answers(1008, 5*ms)}, 200 * ms},
	} {
		p := newPace(1000 * ms)
		for _, step := range tt.walk {
			step(&p)
		}
		if p.wait != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, p.wait, tt.want)
		}
	}
	if p := newPace(100 * ms); true {
		answers(64, 5*ms)(&p)
		if p.wait != 100*ms {
			t.Errorf("a time-out of 100 ms became %s", p.wait)
		}
	}
}
