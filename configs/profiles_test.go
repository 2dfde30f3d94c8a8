package configs_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/drivers"
)

const twoMeters = `site: {id: s, timezone: UTC}
buses: {plc: {tcp: "192.0.2.20:502"}}
profiles: [own.yaml]
facilities:
  - {id: main, profile: acme-ct, bus: plc, unit: 1}
  - {id: side, profile: acme-ct, bus: plc, unit: 2}
`

const acme = `profile: acme
source: manual
trust: bench
class: electric_meter
defaults: {order: ABCD}
points:
  volts: {reg: 1, scale: 0.1, unit: V, range: [0, 500], role: voltage.l1}
  amps:  {reg: 2, scale: 0.01, unit: A}
  thd:   {reg: 4, unit: "%"}
  total: {reg: 10, type: u32, unit: kWh, kind: counter}
repeat:
  feeders:
    name: "f{n}"
    over: {n: 1..12 by 2}
    points: {amps: {reg: 101, unit: A}}
samples: [{at: 1, hex: "08FC", want: {volts: 230}}]
`

// extension changes acme; it stands before it.
const extension = `profile: acme-ct
extends: acme
source: label of the device
without: [thd]
defaults: {order: CDAB}
points:
  amps: {scale: 0.6}
  hours: {reg: 20, unit: h}
repeat:
  feeders: {over: {n: 1..2 by 2}}
samples: [{at: 1, hex: "08FC 03E8", want: {volts: 230, amps: 600}}]
---
`

func find(t *testing.T, p *drivers.Profile, name string) drivers.Point {
	t.Helper()
	i := slices.IndexFunc(p.Points, func(pt drivers.Point) bool { return pt.Name == name })
	if i < 0 {
		t.Fatalf("profile %s has no point %s", p.Name, name)
	}
	return p.Points[i]
}

func TestAProfileExtendsAnother(t *testing.T) {
	c, err := load(map[string]string{"site.yaml": twoMeters, "own.yaml": extension + acme})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, pt := range c.Profiles["acme-ct"].Points {
		names = append(names, pt.Name)
	}
	if got := strings.Join(names, " "); got != "volts amps total hours f1_amps f2_amps" {
		t.Errorf("the extension has %s", got)
	}
	p, base := c.Profiles["acme-ct"], c.Profiles["acme"]
	if amps := find(t, p, "amps"); *amps.Scale != 0.6 || *amps.Reg != 2 || amps.Unit != "A" {
		t.Errorf("amps is %+v", amps)
	}
	if total := find(t, p, "total"); total.Order != "CDAB" {
		t.Errorf("total is of order %s", total.Order)
	}
	if p.Trust != "bench" || p.Source[0] != "label of the device" || len(p.Samples) != 1 {
		t.Errorf("the extension says %s, %v, %d samples", p.Trust, p.Source, len(p.Samples))
	}
	if err := p.TestSamples(); err != nil {
		t.Error(err)
	}
	// What it is made from stays as it was.
	if amps := find(t, base, "amps"); *amps.Scale != 0.01 || len(base.Points) != 4+12 || find(t, base, "total").Order != "ABCD" {
		t.Errorf("acme has become %+v", base.Points)
	}
}

func TestAFacilityChangesPointsOfItsProfile(t *testing.T) {
	site := strings.Replace(twoMeters, "unit: 1}", "unit: 1, points: {amps: {scale: 0.3, range: [0, 300]}, total: {max_rate: 100/h}}}", 1)
	c, err := load(map[string]string{"site.yaml": site, "own.yaml": extension + acme})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.3, 0.6} {
		p := c.Profiles[c.Devices[i].Profile]
		if amps := find(t, p, "amps"); *amps.Scale != want || *amps.Reg != 2 {
			t.Errorf("amps of %s has scale %v", c.Devices[i].Facility, *amps.Scale)
		}
		if rate := find(t, p, "total").MaxRate; (rate > 0) != (i == 0) {
			t.Errorf("total of %s has max_rate %v", c.Devices[i].Facility, rate)
		}
	}
}

func TestDraftsOfRegisterTablesAreInOrder(t *testing.T) {
	files := glob(t, os.DirFS("../drivers"), "testdata/*.yaml")
	drafts, err := configs.ReadProfiles(os.DirFS("../drivers"), files)
	if err != nil || len(drafts) != len(files) {
		t.Errorf("%d drafts of %d, %v", len(drafts), len(files), err)
	}
}

func TestProfilesAreReadFromFiles(t *testing.T) {
	fsys := fstest.MapFS{"a.yaml": {Data: []byte(extension + acme)}, "b.yaml": {Data: []byte("profile: b\nextends: eastron-sdm630\n")}}
	own, err := configs.ReadProfiles(fsys, []string{"a.yaml", "b.yaml"})
	if err != nil || len(own) != 3 || own[0].Name != "acme-ct" || len(own[2].Points) == 0 {
		t.Errorf("%d profiles, %v", len(own), err)
	}
	shipped, err := configs.ReadProfiles(fsys, nil)
	if all, _ := configs.Profiles(); err != nil || len(shipped) != len(all) {
		t.Errorf("%d profiles ship, %v", len(shipped), err)
	}
	_, err = configs.ReadProfiles(fsys, []string{"a.yaml", "nowhere.yaml"})
	if got := mistakes(t, err); !strings.HasPrefix(got, "nowhere.yaml:1:1: ") {
		t.Errorf("a file that is not there gave %s", got)
	}
}

func TestMistakesOfProfilesThatDependOnOthers(t *testing.T) {
	change := func(from, to string) func(string) string {
		return func(s string) string { return strings.Replace(s, from, to, 1) }
	}
	for _, tt := range []struct {
		name      string
		site, own func(string) string
		want      string
	}{
		{"nothing to extend", nil, change("extends: acme", "extends: acmee"), `own.yaml:2:10: extends: there is no profile "acmee" to extend (did you mean "acme"?`},
		{"itself", nil, change("extends: acme", "extends: acme-ct"), `own.yaml:2:10: profile acme-ct extends itself`},
		{"in a circle", nil, change("profile: acme\n", "profile: acme\nextends: acme-ct\n"), `own.yaml:14:10: profile acme-ct extends itself`},
		{"an own mistake", nil, change("scale: 0.6", "scale: 0"), `own.yaml:7:17: scale 0 (a number other than 0)`},
		{"a mistake in a group", nil, change("1..2 by 2", "2..1 by 2"), `own.yaml:10:23: n: from 2 to 1`},
		{"a mistake that the extension makes of what it has taken", nil, change("defaults:", "limits: {max_regs: 1}\ndefaults:"), `own.yaml:2:10: extends: points.total.type, which comes from acme: a u32 takes 2 registers`},
		{"a point that is not there", nil, change("without: [thd]", "without: [tdh]"), `own.yaml:4:11: there is no point "tdh" to be without`},
		{"a mistake of what it extends", nil, change("trust: bench", "trust: gossip"), `own.yaml:15:8: unknown trust "gossip"`},
		{"a wrong change of a facility", change("unit: 1}", "unit: 1, points: {amps: {scale: 0}}}"), nil, `site.yaml:5:76: scale 0 (a number other than 0)`},
		{"an unknown key of a facility's point", change("unit: 1}", "unit: 1, points: {amps: {scael: 1}}}"), nil, `site.yaml:5:69: unknown key "scael" (did you mean "scale"?`},
		{"a point that the profile does not have", change("unit: 1}", "unit: 1, points: {amsp: {scale: 1}}}"), nil, `site.yaml:5:62: profile acme-ct has no point "amsp"`},
	} {
		site, own := twoMeters, extension+acme
		if tt.site != nil {
			site = tt.site(site)
		}
		if tt.own != nil {
			own = tt.own(own)
		}
		if site == twoMeters && own == extension+acme {
			t.Fatalf("%s changes nothing", tt.name)
		}
		_, err := load(map[string]string{"site.yaml": site, "own.yaml": own})
		if got := mistakes(t, err); !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s:\n%swant %s", tt.name, got, tt.want)
		}
	}
}

// TestEveryProfileWorksWithTheRules lays out a site with a device of each profile
// that ships and holds all rule packs against it.
func TestEveryProfileWorksWithTheRules(t *testing.T) {
	profiles, err := configs.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	var site strings.Builder
	site.WriteString("site: {id: s, timezone: UTC}\nbuses:\n  plc: {tcp: 192.0.2.20:502}\n  mq: {mqtt: \"mqtt://192.0.2.9:1883\", client_id: gw}\nfacilities:\n")
	for i, name := range slices.Sorted(maps.Keys(profiles)) {
		where := fmt.Sprintf("bus: plc, unit: %d", i+1)
		if profiles[name].Protocol == drivers.MQTT {
			where = "bus: mq, topic: " + name
		}
		fmt.Fprintf(&site, "  - {id: %s, profile: %s, %s}\n", name, name, where)
	}
	if _, err := load(map[string]string{"site.yaml": site.String()}); err != nil {
		t.Error(err)
	}
}
