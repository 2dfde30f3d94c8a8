package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

func bar(v float64) map[string]gateway.Quantity {
	return map[string]gateway.Quantity{"least": {Value: v, Unit: "bar"}}
}

// limitedBy compiles a rule against $least, which its file sets to 1 bar, with
// settings, and returns its terms and what is wrong.
func limitedBy(t *testing.T, s rules.Settings) (terms, faults string) {
	t.Helper()
	pack := rules.Pack{Class: gateway.Pump, Params: []rules.Param{{Name: "least", Value: gateway.Quantity{Value: 1, Unit: "bar"}}}, Rules: []rules.Spec{
		{ID: "r", Title: text(), Severity: "critical", When: when("pressure.inlet < $least"), Why: rules.Why{Cause: text(), Consequence: text(), Response: text()}},
	}}
	var all []string
	e := rules.Compile(pumpSite(t), []rules.Pack{pack}, s, func(path, problem, _ string) { all = append(all, path+": "+problem) })
	return e.Terms(0), strings.Join(all, "; ")
}

func TestTheNearestSettingCounts(t *testing.T) {
	class := map[gateway.Class]map[string]gateway.Quantity{gateway.Pump: bar(2)}
	facility := map[gateway.FacilityID]map[string]gateway.Quantity{"p": bar(3)}
	override := []rules.Override{{Facility: "p", Set: bar(4), Reason: "zone 3", By: "li", Until: rules.Date{Year: 2027, Month: 1, Day: 31}}}
	lastMoment := gateway.InstantOf(time.Date(2027, 1, 31, 23, 59, 59, 999e6, time.UTC))
	for _, tt := range []struct {
		name  string
		set   rules.Settings
		limit string
	}{
		{"none", rules.Settings{}, "1"},
		{"of the class", rules.Settings{Classes: class}, "2"},
		{"of another class", rules.Settings{Classes: map[gateway.Class]map[string]gateway.Quantity{gateway.Elevator: {}}}, "1"},
		{"of the facility", rules.Settings{Classes: class, Set: facility}, "3"},
		{"an override, on its last day", rules.Settings{Classes: class, Set: facility, Overrides: override, At: lastMoment}, "4"},
		{"an override that has ended", rules.Settings{Classes: class, Set: facility, Overrides: override, At: lastMoment + 1}, "3"},
	} {
		if terms, faults := limitedBy(t, tt.set); terms != "critical: inlet < "+tt.limit+" bar" || faults != "" {
			t.Errorf("%s: %s, faults %q", tt.name, terms, faults)
		}
	}
}

func TestSettingsOfWhatIsNotThereAreRefused(t *testing.T) {
	day := rules.Date{Year: 2027, Month: 1, Day: 31}
	for _, tt := range []struct {
		set  rules.Settings
		want string
	}{
		{rules.Settings{Classes: map[gateway.Class]map[string]gateway.Quantity{gateway.Pump: {"most": {}}}}, `classes.pump.most: no rule for pump has a param "most"`},
		{rules.Settings{Overrides: []rules.Override{{Facility: "q", Set: bar(1), Until: day}}}, `overrides[0].set: there is no facility "q"`},
		{rules.Settings{Overrides: []rules.Override{{Facility: "p", Set: map[string]gateway.Quantity{"least": {Value: 1}}, Until: day}}}, "overrides[0].set.least: 1 has no unit"},
		{rules.Settings{Overrides: []rules.Override{{Facility: "p", Set: bar(1), Until: day}, {Facility: "p", Set: bar(2), Until: day}}}, "overrides[1].set.least: least of p is overridden twice"},
	} {
		if _, faults := limitedBy(t, tt.set); faults != tt.want {
			t.Errorf("faults %q, want %q", faults, tt.want)
		}
	}
}

func TestADayEndsInItsZone(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	var d rules.Date
	if err := d.UnmarshalText([]byte("2027-01-31")); err != nil || d.String() != "2027-01-31" {
		t.Errorf("read %v, %v", d, err)
	}
	if end := d.End(shanghai); end.String() != "2027-01-31T16:00:00.000Z" {
		t.Errorf("it ends %v", end)
	}
	for _, bad := range []string{"2027-02-30", "31.1.2027", ""} {
		if err := d.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a date", bad)
		}
	}
	s := rules.Settings{Overrides: []rules.Override{{Until: rules.Date{Year: 2028, Month: 1, Day: 1}}, {Until: d}}}
	if next, ok := s.Next(shanghai); !ok || next != d.End(shanghai) {
		t.Errorf("next ends %v, %v", next, ok)
	}
	s.At = rules.Date{Year: 2028, Month: 1, Day: 1}.End(shanghai)
	if next, ok := s.Next(shanghai); ok {
		t.Errorf("though all have ended, %v is next", next)
	}
}
