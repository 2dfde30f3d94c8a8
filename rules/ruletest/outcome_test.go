package ruletest_test

import (
	"encoding"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/ruletest"
)

// read reads texts as a test file holds them.
func read[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](texts ...string) []T {
	all := make([]T, len(texts))
	for i, text := range texts {
		if err := P(&all[i]).UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return all
}

func notices(texts ...string) []ruletest.Notice { return read[ruletest.Notice](texts...) }
func opened(texts ...string) []ruletest.Ticket  { return read[ruletest.Ticket](texts...) }
func count(text string) ruletest.Count          { return read[ruletest.Count](text)[0] }

func ticketed() rules.Spec {
	s := lowInlet()
	s.Ticket, s.Family = "emergency", "inlet"
	return s
}

func TestWhatPeopleHear(t *testing.T) {
	wavers := map[gateway.PointID]string{"p/inlet": "1x2 0.3x5 1x5 0.3x5 1x5"}
	for _, tt := range []struct {
		name string
		test ruletest.Test
		want []string
	}{
		{"an alarm opens a ticket and is told, and again", ruletest.Test{
			Series: wavers,
			Expect: []ruletest.Expectation{
				{At: 4 * second, Tickets: opened(), Notices: notices()},
				{At: 5 * second, Tickets: opened("p/inlet emergency new"), Notices: notices("raised p/r critical to desk")},
				{At: 8 * second, Notices: notices()},
				{At: 9 * second, Tickets: opened("p/inlet recovered"), Notices: notices("returned p/r")},
				{At: 15 * second, Tickets: opened("p/inlet new")},
				{At: 19 * second, Notices: notices("raised p/r", "returned p/r")},
			},
			Counts: map[string]ruletest.Count{"p/r": count("2"), "tickets": count("1"), "notices": count("<= 4")},
		}, nil},
		{"what is not so is told", ruletest.Test{
			Series: wavers,
			Expect: []ruletest.Expectation{
				{At: 4 * second, Tickets: opened("p/inlet"), Notices: notices("raised p/r")},
				{At: 5 * second, Tickets: opened("p/inlet ordinary"), Notices: notices("raised p/r warning")},
				{At: 9 * second, Tickets: opened("p/inlet"), Notices: notices("returned p/r to nobody")},
				{At: 19 * second, Tickets: opened(), Notices: notices("raised p/r")},
			},
			Counts: map[string]ruletest.Count{"p/r": count("1"), "tickets": count(">= 2"), "notices": count("<= 3")},
		}, []string{
			"expect[0].tickets: at 4s tickets: want p/inlet, got none",
			"expect[0].notices: at 4s notices: want raised p/r, got none",
			"expect[1].tickets: at 5s tickets: want p/inlet ordinary, got p/inlet emergency new",
			"expect[1].notices: at 5s notices: want raised p/r warning, got raised p/r critical to desk",
			"expect[2].tickets: at 9s tickets: want p/inlet, got p/inlet emergency new recovered",
			"expect[2].notices: at 9s notices: want returned p/r to nobody, got returned p/r critical to desk",
			"expect[3].tickets: at 19s tickets: want none, got p/inlet emergency new recovered",
			"expect[3].notices: at 19s notices: want raised p/r, got raised p/r critical to desk, returned p/r critical to desk",
			"expect_count.notices: at 21s notices: want <= 3 in all, got 4",
			"expect_count.p/r: at 21s p/r: want 1 in all, got 2",
			"expect_count.tickets: at 21s tickets: want >= 2 in all, got 1",
		}},
		{"alert and ticket outlive a restart, and are not told twice", ruletest.Test{
			Series: map[gateway.PointID]string{"p/inlet": "0.3x30 1x5"},
			Events: []ruletest.Event{{At: 10 * second, Restart: 5 * second}},
			Expect: []ruletest.Expectation{
				{At: 12 * second, Tickets: opened("p/inlet emergency")},
				{At: 20 * second, Tickets: opened("p/inlet emergency"), Notices: notices("raised p/r")},
				{At: 34 * second, Tickets: opened("p/inlet recovered"), Notices: notices("returned p/r")},
			},
			Counts: map[string]ruletest.Count{"p/r": count("1"), "tickets": count("1")},
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for _, w := range tt.want {
				want = append(want, "tests[0]."+w)
			}
			// "nobody" is no receiver, which Check would report: play what is left.
			got := playUnchecked(t, ticketed(), tt.test)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRoutesOfATest(t *testing.T) {
	f := file(ruletest.Test{
		Series: map[gateway.PointID]string{"p/inlet": "0.3x5 1x5"},
		Expect: []ruletest.Expectation{
			{At: 5 * second, Notices: notices("raised p/r to desk", "raised p/r to phone")},
			{At: 9 * second, Notices: notices("returned p/r to desk")},
		},
	})
	f.Notify = ruletest.Notify{Receivers: []string{"desk", "phone"}, Routes: []notify.Route{
		{To: []string{"desk"}}, {To: []string{"phone"}, Severity: "critical", Events: []string{"raised"}},
	}}
	if failed := playFile(t, ticketed(), f, true); failed != nil {
		t.Error(strings.Join(failed, "\n"))
	}
}

func TestNamesThatAreNotAtWork(t *testing.T) {
	f := file(ruletest.Test{Expect: []ruletest.Expectation{{
		Tickets: opened("p/inlat"), Notices: notices("raised p/q", "raised p/r to dask"), Is: map[string]ruletest.State{"p/s": {}},
	}}, Counts: map[string]ruletest.Count{"p/t": {}}, Never: []string{"p/u"}})
	site, err := f.Site()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	engine := compiled(t, site, ticketed())
	f.Check(engine().Instances(), func(path, problem, hint string) { said = append(said, fmt.Sprintf("%s: %s (%s)", path, problem, hint)) })
	rule := "(at work are p/r; a rule works only if the facility has all points it names)"
	want := []string{
		`tests[0].expect[0].is.p/s: no rule "p/s" is at work ` + rule,
		`tests[0].expect[0].tickets[0]: no rule opens a ticket "p/inlat" (write facility/family; tickets are opened for p/inlet)`,
		`tests[0].expect[0].notices[0]: no rule "p/q" is at work ` + rule,
		`tests[0].expect[0].notices[1]: there is no receiver "dask" (one of desk)`,
		`tests[0].never[0]: no rule "p/u" is at work ` + rule,
		`tests[0].expect_count.p/t: no rule "p/t" is at work ` + rule,
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestOutcomesOfFiles(t *testing.T) {
	for _, tt := range []struct {
		read interface {
			encoding.TextUnmarshaler
			fmt.Stringer
		}
		good, bad []string
	}{
		{new(ruletest.Ticket), []string{"p/inlet", "p/inlet emergency", "p/inlet new", "p/inlet rescue working recovered"},
			[]string{"", "p", "p/inlet urgent", "p/inlet new new", "p/inlet closed", "p/inlet recovered recovered"}},
		{new(ruletest.Notice), []string{"raised p/r", "level p/r critical", "returned p/r to desk", "withdrawn p/r/x life_safety to desk"},
			[]string{"", "raised", "p/r raised", "raised p/r high", "raised p/r to", "raised p/r to desk now", "raised p/r to desk critical"}},
		{new(ruletest.Count), []string{"0", "3", "<= 3", ">= 2"}, []string{"", "-1", "many", "< 3", "<=", "1.5"}},
	} {
		for _, text := range tt.good {
			if err := tt.read.UnmarshalText([]byte(text)); err != nil || tt.read.String() != text {
				t.Errorf("%q: %q, %v", text, tt.read, err)
			}
		}
		for _, text := range tt.bad {
			if err := tt.read.UnmarshalText([]byte(text)); err == nil {
				t.Errorf("%q was taken for %q", text, tt.read)
			}
		}
	}
}
