package rules_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// zoned is a site in a zone with a contact that tells only its changes.
func zoned(t testing.TB, zone string) *gateway.Site {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	site, err := gateway.NewSite("s", gateway.Text{}, loc, gateway.English, []gateway.Facility{{ID: "p", Class: gateway.Pump, Points: []gateway.Point{
		{Name: "on", Kind: gateway.Discrete}, {Name: "x", Unit: "degC", Period: time.Second},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// course lets time pass to the end, with the contact on all the while, and returns
// when the rule changed, in the zone of the site.
func course(s *stage, from, to time.Time) (got []string) {
	s.Advance(nil, gateway.InstantOf(from))
	s.tell(gateway.InstantOf(from), "p/on=1")
	for {
		next, ok := s.Next()
		if !ok || next > gateway.InstantOf(to) {
			return got
		}
		for _, c := range s.Advance(nil, next) {
			got = append(got, c.At.In(s.site.Location).Format("Mon 01-02 15:04 -07 ")+c.To.String())
		}
	}
}

func TestDuring(t *testing.T) {
	monday := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, zone string
		during     rules.During
		days       int
		want       []string
	}{
		{"a time of day begins and ends without a sample", "Asia/Shanghai", rules.During{Daily: "02:00-05:00"}, 2, []string{
			"Tue 03-10 02:00 +08 active", "Tue 03-10 05:00 +08 normal", "Wed 03-11 02:00 +08 active", "Wed 03-11 05:00 +08 normal"}},
		{"a night belongs to the day on which it begins", "Asia/Shanghai", rules.During{Daily: "22:00-06:00", Days: []string{"fri"}}, 7, []string{
			"Fri 03-13 22:00 +08 active", "Sat 03-14 06:00 +08 normal"}},
		{"working days", "Asia/Shanghai", rules.During{Days: []string{"workday"}}, 9, []string{
			"Sat 03-14 00:00 +08 normal", "Mon 03-16 00:00 +08 active"}},
		{"other days", "Asia/Shanghai", rules.During{Days: []string{"holiday"}, Daily: "08:00-24:00"}, 9, []string{
			"Sat 03-14 08:00 +08 active", "Sun 03-15 00:00 +08 normal", "Sun 03-15 08:00 +08 active", "Mon 03-16 00:00 +08 normal"}},
		{"a range of days over the end of the week", "Asia/Shanghai", rules.During{Days: []string{"sun-mon", "wed"}}, 7, []string{
			"Tue 03-10 00:00 +08 normal", "Wed 03-11 00:00 +08 active", "Thu 03-12 00:00 +08 normal", "Sun 03-15 00:00 +08 active"}},
		{"the heating season ends with its last day", "Asia/Shanghai", rules.During{Yearly: "11-15..03-15"}, 9, []string{
			"Mon 03-16 00:00 +08 normal"}},
		{"an hour that the clock leaves out", "Europe/Berlin", rules.During{Daily: "02:30-05:00", Days: []string{"sun"}}, 21, []string{
			"Sun 03-15 02:30 +01 active", "Sun 03-15 05:00 +01 normal", "Sun 03-22 02:30 +01 active", "Sun 03-22 05:00 +01 normal",
			"Sun 03-29 03:00 +02 active", "Sun 03-29 05:00 +02 normal"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustStage(t, zoned(t, tt.zone), rules.Spec{When: when("on"), During: &tt.during})
			got := course(s, monday, monday.AddDate(0, 0, tt.days))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("an hour that comes twice", func(t *testing.T) {
		s := mustStage(t, zoned(t, "Europe/Berlin"), rules.Spec{When: when("on"), During: &rules.During{Daily: "01:30-02:30"}})
		day := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)
		want := []string{"Sun 10-25 01:30 +02 active", "Sun 10-25 02:30 +02 normal", "Sun 10-25 02:00 +01 active", "Sun 10-25 02:30 +01 normal"}
		if diff := cmp.Diff(want, course(s, day, day.Add(20*time.Hour))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestDuringIsWhatTheClockOnTheWallShows asks the clock each minute of some days
// round the changes of clocks, and in between.
func TestDuringIsWhatTheClockOnTheWallShows(t *testing.T) {
	names := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		zone := []string{"Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"}[rng.IntN(5)]
		hm := func() string { return fmt.Sprintf("%02d:%02d", rng.IntN(24), 15*rng.IntN(4)) }
		from, to := hm(), hm()
		if from == to {
			continue
		}
		days := names[rng.IntN(7):]
		var small []string
		for _, d := range days {
			small = append(small, strings.ToLower(d))
		}
		s := mustStage(t, zoned(t, zone), rules.Spec{When: when("on"), During: &rules.During{Daily: from + "-" + to, Days: small}})
		at := time.Date(2025, []time.Month{3, 4, 10, 11, 7}[rng.IntN(5)], 1+rng.IntN(25), rng.IntN(24), 0, 0, 0, s.site.Location)
		s.Advance(nil, gateway.InstantOf(at))
		for range 8 * 24 * 60 {
			at = at.Add(time.Minute)
			s.Advance(nil, gateway.InstantOf(at))
			shown, day := at.Format("15:04"), at.Format("Mon")
			in := shown >= from && shown < to
			if from > to {
				in = shown >= from || shown < to
				if shown < to {
					day = names[(slices.Index(names, day)+6)%7]
				}
			}
			in = in && slices.Contains(days, day)
			if got := s.Only(0); got != in {
				t.Fatalf("seed %d: %s-%s on %v in %s: at %v it is %v", seed, from, to, days, zone, at, got)
			}
		}
	}
}

// TestAHoldPassesWithinTheTime and not outside of it: what begins five minutes
// before the end is not held until the next night.
func TestAHoldPassesWithinTheTime(t *testing.T) {
	s := mustStage(t, zoned(t, "Asia/Shanghai"), rules.Spec{When: when("on"), During: &rules.During{Daily: "02:00-05:00"}, Hold: rules.Hold{Duration: 10 * time.Minute}})
	night := time.Date(2026, 3, 10, 4, 55, 0, 0, s.site.Location)
	want := []string{"Tue 03-10 05:00 +08 normal", "Wed 03-11 02:00 +08 pending", "Wed 03-11 02:10 +08 active"}
	if diff := cmp.Diff(want, course(s, night, night.Add(22*time.Hour))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Told of the time late it is the same, and dated as it was.
	s = mustStage(t, zoned(t, "Asia/Shanghai"), rules.Spec{When: when("on"), During: &rules.During{Daily: "02:00-05:00"}, Hold: rules.Hold{Duration: 10 * time.Minute}})
	s.tell(gateway.InstantOf(night.Add(-3*time.Hour)), "p/on=1")
	var got []string
	for _, c := range s.Advance(nil, gateway.InstantOf(night.Add(-2*time.Hour))) {
		got = append(got, c.To.String()+c.Since.In(s.site.Location).Format(" 15:04"))
	}
	if diff := cmp.Diff([]string{"pending 02:00", "active 02:00"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The end of the time comes before the end of the hold, however late both are told.
	s = mustStage(t, zoned(t, "Asia/Shanghai"), rules.Spec{When: when("on"), During: &rules.During{Daily: "02:00-05:00"}, Hold: rules.Hold{Duration: 10 * time.Minute}})
	s.tell(gateway.InstantOf(night), "p/on=1")
	if got := s.said(s.Advance(nil, gateway.InstantOf(night.Add(time.Hour)))); !cmp.Equal(got, []string{"p/r normal"}) {
		t.Errorf("told late: %q", got)
	}
}

// TestAClockThatIsSetOverTheTimeOfDay: the night between was never there, so nothing
// can have been held in it.
func TestAClockThatIsSetOverTheTimeOfDay(t *testing.T) {
	s := mustStage(t, zoned(t, "Asia/Shanghai"), rules.Spec{When: when("on"), During: &rules.During{Daily: "02:00-05:00"}})
	evening := time.Date(2026, 3, 10, 20, 0, 0, 0, s.site.Location)
	s.tell(gateway.InstantOf(evening), "p/on=1")
	s.Skip(12 * time.Hour)
	if got := s.tell(gateway.InstantOf(evening.Add(12*time.Hour)), ""); got != nil {
		t.Errorf("the night that was left out gave %q", got)
	}
	s.Skip(18 * time.Hour) // to 02:00
	if got := s.tell(gateway.InstantOf(evening.Add(30*time.Hour)), ""); !cmp.Equal(got, []string{"p/r active"}) {
		t.Errorf("set to the time itself: %q", got)
	}
}

func TestWorkingDaysOfACalendar(t *testing.T) {
	site := zoned(t, "Asia/Shanghai")
	pack := rules.Pack{Class: gateway.Pump, Rules: []rules.Spec{{ID: "r", Severity: "info", When: when("on"), During: &rules.During{Days: []string{"workday"}}}}}
	saturdays := rules.Settings{Workday: func(day time.Time) bool { return day.Weekday() == time.Saturday }}
	e := rules.Compile(site, []rules.Pack{pack}, saturdays, func(path, problem, _ string) { t.Errorf("%s: %s", path, problem) })
	s := &stage{Engine: e, site: site}
	monday := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	want := []string{"Sat 03-14 00:00 +08 active", "Sun 03-15 00:00 +08 normal"}
	if diff := cmp.Diff(want, course(s, monday, monday.AddDate(0, 0, 7))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakesInDuring(t *testing.T) {
	for _, tt := range []struct {
		during rules.During
		want   string
	}{
		{rules.During{}, "rules.r.during: during says nothing"},
		{rules.During{Daily: "2-5"}, `rules.r.during.daily: "2-5" is no time of day from and to`},
		{rules.During{Daily: "02:00-02:00"}, `rules.r.during.daily: "02:00-02:00" is no time of day`},
		{rules.During{Daily: "24:00-05:00"}, `rules.r.during.daily: "24:00-05:00" is no time of day`},
		{rules.During{Daily: "02:00-25:00"}, `rules.r.during.daily: "02:00-25:00" is no time of day`},
		{rules.During{Days: []string{"mon", "funday"}}, `rules.r.during.days[1]: unknown day "funday"`},
		{rules.During{Days: []string{"mon-funday"}}, `rules.r.during.days[0]: unknown day "mon-funday"`},
		{rules.During{Yearly: "13-01..02-01"}, `rules.r.during.yearly: "13-01..02-01" is no time of year`},
		{rules.During{Yearly: "11-15"}, `rules.r.during.yearly: "11-15" is no time of year`},
	} {
		_, mistakes := newStage(t, zoned(t, "UTC"), rules.Spec{When: when("on"), During: &tt.during})
		if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0], tt.want) {
			t.Errorf("%+v\n got %q\nwant %q", tt.during, mistakes, tt.want)
		}
	}
}
