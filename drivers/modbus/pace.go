package modbus

import (
	"slices"
	"time"
)

const (
	// paceWindow is how many answers in a row show how quickly a unit answers.
	paceWindow = 64
	// paceEvery is after how many answers the time allowed is worked out anew.
	paceEvery = 16
	// paceMargin is how many times longer than all but a few of the last answers
	// one may take.
	paceMargin = 3
	// shortestWait is what any device gets: one that is quick for hours may still
	// write to its flash or lose a packet on the way.
	shortestWait = 200 * time.Millisecond
	// calm is how many answers in a row have a unit forgiven that it was once
	// given up too soon.
	calm = 1000
)

// pace is how quickly a unit has answered lately, and how long it is therefore
// waited for: three times as long as 95 % of the last 64 answers took, at least
// shortestWait, at most what is configured.
//
//	full --64 answers in a row--> short
//	short --no answer-----------> full, and short is twice as long next time
//
// So a lost answer costs the line little, while a unit that has grown slow has
// all its time again with the very next request, and one that is quick but for
// fits and starts is not cut off again and again.
type pace struct {
	full  time.Duration // as configured
	wait  time.Duration // of the next request
	least time.Duration
	last  [paceWindow]time.Duration // a ring of what the last answers took
	count int                       // of answers in a row
	// hasty is set while the last request was given up before all of its time was
	// over.
	hasty bool
}

func newPace(full time.Duration) pace { return pace{full: full, wait: full, least: shortestWait} }

// answered takes in that an answer took so long, its time on a serial wire not
// counted.
func (p *pace) answered(took time.Duration) {
	p.last[p.count%paceWindow] = max(took, 0)
	p.count++
	if p.count%calm == 0 {
		p.least = max(p.least/2, shortestWait)
	}
	if p.count < paceWindow || p.count%paceEvery != 0 {
		return
	}
	p.wait = min(max(paceMargin*p.usual(), p.least), p.full)
}

// usual returns what 95 % of the last answers took at most.
func (p *pace) usual() time.Duration {
	var longest [paceWindow - paceWindow*95/100]time.Duration // ascending
	for _, took := range p.last {
		if took > longest[0] {
			longest[0] = took
			slices.Sort(longest[:])
		}
	}
	return longest[0]
}

// missed takes in that an answer has not come in time.
func (p *pace) missed() {
	p.hasty = p.wait < p.full
	if p.hasty {
		p.least = min(2*p.wait, p.full)
	}
	p.wait, p.count = p.full, 0
}
