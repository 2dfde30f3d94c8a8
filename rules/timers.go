package rules

import (
	"slices"

	"github.com/intact-gateway/intact/gateway"
)

// timers is a heap of numbers by when they are due. It knows the place of each
// number in it, so that adding, removing and finding the first one allocate
// nothing.
type timers struct {
	heap []int32
	at   []gateway.Instant
	slot []int32 // by number; -1 for one that is not in the heap
}

// grow makes room for the numbers below n.
func (t *timers) grow(n int) {
	t.heap, t.at = make([]int32, 0, n), make([]gateway.Instant, 0, n)
	t.slot = slices.Repeat([]int32{-1}, n)
}

func (t *timers) first() (int32, gateway.Instant, bool) {
	if len(t.heap) == 0 {
		return 0, 0, false
	}
	return t.heap[0], t.at[0], true
}

func (t *timers) add(i int32, at gateway.Instant) {
	t.heap = append(t.heap, i)
	t.at = append(t.at, at)
	t.slot[i] = int32(len(t.heap) - 1)
	t.up(len(t.heap) - 1)
}

// remove takes a number out, if it is in the heap.
func (t *timers) remove(i int32) {
	at, last := int(t.slot[i]), len(t.heap)-1
	if at < 0 {
		return
	}
	t.swap(at, last)
	t.heap, t.at = t.heap[:last], t.at[:last]
	t.slot[i] = -1
	if at < last {
		t.down(at)
		t.up(at)
	}
}

func (t *timers) swap(a, b int) {
	t.heap[a], t.heap[b] = t.heap[b], t.heap[a]
	t.at[a], t.at[b] = t.at[b], t.at[a]
	t.slot[t.heap[a]], t.slot[t.heap[b]] = int32(a), int32(b)
}

func (t *timers) up(i int) {
	for i > 0 && t.at[i] < t.at[(i-1)/2] {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *timers) down(i int) {
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
		t.swap(i, least)
		i = least
	}
}
