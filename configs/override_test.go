package configs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

// overridden is a site whose booster has an outlet_low of its own, with what else
// is said below rules.
func overridden(t *testing.T, more string, now time.Time) (*configs.Config, error) {
	t.Helper()
	return configs.Load(fstest.MapFS{"site.yaml": {Data: []byte(`site: {id: lakeside, timezone: Asia/Shanghai, language: en}
buses: {plc: {tcp: "192.0.2.20:502"}}
facilities:
  - {id: booster, profile: grundfos-hydro-booster, bus: plc, unit: 5}
rules:
  packs: [pump]
` + more)}}, "site.yaml", configs.Options{Env: noEnv, Now: now, Places: true})
}

const override = `  classes: {pump_group: {outlet_low: 0.25 MPa}}
  set: {booster: {outlet_low: 0.3 MPa}}
  overrides:
    - {facility: booster, set: {outlet_low: 0.2 MPa}, reason: zone 3 is shut, by: li, until: 2027-01-31}
`

func TestExplainSaysWhereALimitComesFrom(t *testing.T) {
	for now, want := range map[time.Time]string{
		time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC): `0.2 MPa  site.yaml:10:45
an override until 2027-01-31 by li: zone 3 is shut
instead of 0.3 MPa  site.yaml:8:31
instead of 0.25 MPa  site.yaml:7:38
instead of %s`,
		time.Date(2027, 1, 31, 16, 0, 0, 0, time.UTC): `0.3 MPa  site.yaml:8:31
instead of 0.25 MPa  site.yaml:7:38
instead of %s`,
	} {
		c, err := overridden(t, override, now)
		if err != nil {
			t.Fatal(err)
		}
		e, err := c.Explain("booster/outlet_low")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range e.Sections[0].Facts {
			if f.Label.EN == "$outlet_low" {
				got = append(got, f.Value.In(gateway.English))
			}
		}
		shipped := strings.TrimPrefix(got[len(got)-1], "instead of ")
		if !strings.Contains(shipped, "rules/pump.yaml:") || strings.Join(got, "\n") != fmt.Sprintf(want, shipped) {
			t.Errorf("at %v:\n%s", now, strings.Join(got, "\n"))
		}
	}
}

func TestAnOverrideThatHasEndedIsWarnedOf(t *testing.T) {
	for day, warned := range map[int]bool{31: false, 32: true} {
		c, err := overridden(t, override, time.Date(2027, 1, day, 12, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, w := range c.Warnings {
			found = found || strings.HasPrefix(w.String(), "site.yaml:10:") && strings.Contains(w.String(), "the override of booster by li (zone 3 is shut) ended on 2027-01-31")
		}
		if found != warned {
			t.Errorf("on January %d the warnings are %v", day, c.Warnings)
		}
	}
}

func TestAnOverrideSaysWhoWhyAndUntilWhen(t *testing.T) {
	for more, want := range map[string]string{
		`{facility: booster, set: {outlet_low: 0.2 MPa}, reason: x, by: li}`:                      "until",
		`{facility: booster, set: {outlet_low: 0.2 MPa}, by: li, until: 2027-01-31}`:              "reason",
		`{facility: booster, set: {outlet_low: 0.2 MPa}, reason: "", by: li, until: 2027-01-31}`:  "the override has no reason",
		`{facility: booster, set: {outlet_low: 0.2 MPa}, reason: x, by: " ", until: 2027-01-31}`:  "nobody answers",
		`{facility: booster, set: {}, reason: x, by: li, until: 2027-01-31}`:                      "sets nothing",
		`{facility: boster, set: {outlet_low: 0.2 MPa}, reason: x, by: li, until: 2027-01-31}`:    `there is no facility "boster"`,
		`{facility: booster, set: {outlet_lwo: 0.2 MPa}, reason: x, by: li, until: 2027-01-31}`:   `has a param "outlet_lwo"`,
		`{facility: booster, set: {outlet_low: 0.2 MPa}, reason: x, by: li, until: next monday}`:  "want such as 2027-01-31",
		`{facility: booster, set: {outlet_low: 2 degC}, reason: x, by: li, until: 2027-01-31}`:    "degC",
		`{facility: booster, set: {outlet_low: 0.2}, reason: x, by: li, until: 2027-01-31}`:       "has no unit",
		`{facility: booster, set: {outlet_low: 0.2 MPa}, reason: x, by: li, until: "2027-02-29"}`: "want such as 2027-01-31",
	} {
		_, err := overridden(t, "  overrides:\n    - "+more+"\n", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
		if _, ok := errors.AsType[*configs.Errors](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", more, err, want)
		}
	}
}
