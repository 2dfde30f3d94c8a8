package rules

import "github.com/intact-gateway/intact/gateway"

// timers is a heap of steps by deadline. Each step knows its place in it, so
// that adding, removing and finding the first one allocate nothing.
type timers struct {
	heap []int32 // steps
	at   []gateway.Instant
}

func (t *timers) grow(n int) {
	t.heap = make([]int32, 0, n)
	t.at = make([]gateway.Instant, 0, n)
}

func (t *timers) first() (int32, gateway.Instant, bool) {
	if len(t.heap) == 0 {
		return 0, 0, false
	}
	return t.heap[0], t.at[0], true
}

func (t *timers) add(steps []step, i int32) {
	t.heap = append(t.heap, i)
	t.at = append(t.at, steps[i].deadline)
	steps[i].slot = int32(len(t.heap) - 1)
	t.up(steps, len(t.heap)-1)
}

func (t *timers) remove(steps []step, i int32) {
	at, last := int(steps[i].slot), len(t.heap)-1
	t.swap(steps, at, last)
	t.heap, t.at = t.heap[:last], t.at[:last]
	steps[i].slot = -1
	if at < last {
		t.down(steps, at)
		t.up(steps, at)
	}
}

func (t *timers) swap(steps []step, a, b int) {
	t.heap[a], t.heap[b] = t.heap[b], t.heap[a]
	t.at[a], t.at[b] = t.at[b], t.at[a]
	steps[t.heap[a]].slot, steps[t.heap[b]].slot = int32(a), int32(b)
}

func (t *timers) up(steps []step, i int) {
	for i > 0 && t.at[i] < t.at[(i-1)/2] {
		t.swap(steps, i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *timers) down(steps []step, i int) {
	for {
		least := i
		for _, k := range [...]int{2*i + 1, 2*i + 2} {
			if k < len(t.at) && t.at[k] < t.at[least] {
				least = k
			}
		}
		if least == i {
			return
		}
		t.swap(steps, i, least)
		i = least
	}
}
