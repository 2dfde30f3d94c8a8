package pipeline_test

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway/intact"
)

// TestAPumpThatTripsAgainAndAgainIsToldOfTwice: that it has begun to, and that it
// has settled. Each trip counts as down time and on the ticket all the same.
func TestAPumpThatTripsAgainAndAgainIsToldOfTwice(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(3 * time.Second)
		for range 20 {
			b.tripped(5 * time.Second)
			b.healthy(5 * time.Second)
		}
		b.told("raised", "returned", "raised", "returned", "raised")
		s := b.p.Snapshot()
		if len(s.Tickets) != 1 || s.Tickets[0].Count != 20 {
			t.Errorf("tickets are %+v", s.Tickets)
		}
		if down := s.Total[1].Down; s.Facilities[1].Class != intact.Up || down != 100_000 {
			t.Errorf("after 20 trips of 5 s it is %v and was down for %d ms", s.Facilities[1].Class, down)
		}
		b.healthy(10 * time.Minute)
		b.told("raised", "returned", "raised", "returned", "raised", "returned")
	})
}
