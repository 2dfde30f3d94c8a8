package configs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
)

// twoSources is a pump room whose meter and leak sensor are one facility.
const twoSources = small + `
  - id: room
    class: pump
    sources:
      - {profile: schneider-iem3000, bus: plc, unit: 9}
      - {profile: leak-ok, bus: mq, topic: pit/2}
    derive:
      wet_load: {formula: leak && p_total > 1 kW, role: wet_load}
      spare: 10 kW - p_total
profiles: [own.yaml]
`

const leakOK = `profile: leak-ok
extends: generic-leak-mqtt
source: us
derive: {dry: link && !leak}
`

func TestAFacilityDerivesFromAllItsSources(t *testing.T) {
	c, err := load(map[string]string{"site.yaml": twoSources, "own.yaml": leakOK})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range c.Site.Facility("room").Points {
		if p.Formula != "" {
			got[p.Name] = strings.TrimSpace(p.Formula + " | " + p.Kind.String() + " " + p.Unit)
		}
	}
	if diff := cmp.Diff(map[string]string{
		"s_total":  "v_l1 * i_l1 + v_l2 * i_l2 + v_l3 * i_l3 | analog VA",
		"dry":      "link.2 && !leak | discrete",
		"wet_load": "leak && p_total > 1 kW | discrete",
		"spare":    "10 kW - p_total | analog kW",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := c.Site.Facility("room").Points; p[len(p)-1].Name != gateway.BlindPoint {
		t.Errorf("the last point is %s", p[len(p)-1].Name)
	}
}

func TestMistakesInWhatIsDerived(t *testing.T) {
	for _, tt := range []struct{ name, site, own, want string }{
		{"an unknown point", strings.Replace(twoSources, "leak && p_total", "leek && p_total", 1), leakOK,
			`: character 1: there is no point "leek" (the points of the facility are `},
		{"another dimension", strings.Replace(twoSources, "10 kW - p_total", "10 A - p_total", 1), leakOK,
			`site.yaml:17:14: formula: character 6: W (power) cannot be compared with A (current)`},
		{"a circle over two keys", strings.Replace(twoSources, "10 kW - p_total", "10 kW - spare", 1), leakOK,
			`site.yaml:17:14: formula: character 9: spare is made from itself: spare from spare`},
		{"a name that is taken", strings.Replace(twoSources, "spare:", "p_total:", 1), leakOK,
			`site.yaml:17:16: there is a point p_total already`},
		{"in a profile", twoSources, strings.Replace(leakOK, "!leak", "!leek", 1),
			`own.yaml:4:15: formula: character 10: there is no point "leek"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(map[string]string{"site.yaml": tt.site, "own.yaml": tt.own})
			if got := mistakes(t, err); !strings.Contains(got, tt.want) {
				t.Errorf("got %swant %s", got, tt.want)
			}
		})
	}
}
