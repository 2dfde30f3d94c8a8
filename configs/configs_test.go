package configs_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file called name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); run with -update if the new one is right:\n%s", name, diff)
	}
}

// noEnv is an environment without variables.
func noEnv(string) (string, bool) { return "", false }

// mistakes returns what is wrong with a site, one line each.
func mistakes(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	faults, ok := errors.AsType[*configs.Errors](err)
	if !ok {
		t.Fatalf("got %v, want the mistakes of the files", err)
	}
	return faults.Error() + "\n"
}

func TestASiteFileWithTwelveMistakesGetsTwelveMessages(t *testing.T) {
	_, err := configs.Load(os.DirFS("testdata"), "twelve.yaml", configs.Options{Env: noEnv})
	got := mistakes(t, err)
	golden(t, "testdata/twelve.txt", got)
	if n := strings.Count(got, "\n"); n != 12 {
		t.Errorf("%d messages", n)
	}
	for line := range strings.Lines(got) {
		if !strings.HasSuffix(line, ")\n") {
			t.Errorf("no hint: %s", line)
		}
	}
}

// small is a site file without mistakes.
const small = `
site: {id: lakeside, timezone: Asia/Shanghai}
buses:
  plc: {tcp: 192.0.2.20:502}
  mq: {mqtt: "mqtt://192.0.2.9:1883", client_id: lakeside-gw}
facilities:
  - {id: lift-1, profile: generic-lift-io, bus: plc, unit: 3, building: "1"}
  - {id: "leak-{device}", profile: generic-leak-mqtt, bus: mq, topic: "leak/{device}", devices: [b1, b2], name: {zh: "水浸 {device}", en: "Leak {device}"}}
`

// load loads the files, of which the one called site.yaml is the site.
func load(files map[string]string) (*configs.Config, error) { return loadAt(time.Time{}, files) }

func loadAt(now time.Time, files map[string]string) (*configs.Config, error) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return configs.Load(fsys, "site.yaml", configs.Options{Env: noEnv, Now: now})
}

func TestASmallSiteIsLaidOut(t *testing.T) {
	c, err := load(map[string]string{"site.yaml": small})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range c.Site.Facilities() {
		ids = append(ids, string(f.ID))
	}
	if diff := cmp.Diff([]string{"lift-1", "leak-b1", "leak-b2", "bus-plc", "bus-mq", "gateway"}, ids); diff != "" {
		t.Errorf("facilities (-want +got):\n%s", diff)
	}
	lift, leak := c.Site.Facility("lift-1"), c.Site.Facility("leak-b2")
	if lift.Class != gateway.Elevator || lift.Name != (gateway.Text{ZH: "lift-1", EN: "lift-1"}) || cmp.Diff(lift.Lines, []gateway.FacilityID{"bus-plc"}) != "" {
		t.Errorf("lift is %+v", lift)
	}
	if leak.Name != (gateway.Text{ZH: "水浸 b2", EN: "Leak b2"}) {
		t.Errorf("leak sensor is named %+v", leak.Name)
	}
	for _, id := range []gateway.PointID{"lift-1/floor", "lift-1/link", "leak-b1/leak", "leak-b1/link", "bus-mq/link", "gateway/store"} {
		if _, ok := c.Site.Lookup(id); !ok {
			t.Errorf("there is no point %s", id)
		}
	}
	if _, ok := c.Site.Lookup("gateway/influx"); ok {
		t.Error("a site without InfluxDB watches it")
	}
	if len(c.Devices) != 3 || c.Devices[2].Name != "b2" || c.Devices[2].Topic != "leak/{device}" || c.Devices[0].Unit != 3 {
		t.Errorf("devices are %+v", c.Devices)
	}
	if c.HTTP.Listen != "127.0.0.1:8080" || c.Site.Language != gateway.Chinese || c.Site.Location.String() != "Asia/Shanghai" || c.Instances == 0 {
		t.Errorf("listen %s, language %s, clock %s, %d rules", c.HTTP.Listen, c.Site.Language, c.Site.Location, c.Instances)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

func TestMistakesOfASite(t *testing.T) {
	const head = "site: {id: s, timezone: UTC}\nbuses:\n  plc: {tcp: 192.0.2.20:502}\n  mq: {mqtt: \"mqtt://192.0.2.9:1883\", client_id: gw}\n"
	const meter = "{id: m, profile: eastron-sdm630, bus: plc, unit: 1}"
	tests := []struct{ name, src, want string }{
		{"no facilities", head, `site.yaml:1:1: the site has no facilities (list what is to be watched under facilities:)`},
		{"two buses on one address", "site: {id: s, timezone: UTC}\nbuses:\n  a: {tcp: PLC.lan:502}\n  b: {tcp: plc.lan:502}\nfacilities:\n  - {id: m, profile: eastron-sdm630, bus: a, unit: 1}\n",
			`site.yaml:4:12: tcp: bus b has the same address as bus a (all units behind an address share one bus: use a for them, too)`},
		{"a modbus profile on a broker", head + "facilities:\n  - {id: m, profile: eastron-sdm630, bus: mq, unit: 1}\n",
			`site.yaml:6:43: profile eastron-sdm630 is read over Modbus, bus mq is a broker (choose a bus with tcp or rtu, or a profile for MQTT)`},
		{"an mqtt profile on a line", head + "facilities:\n  - {id: m, profile: generic-leak-mqtt, bus: plc, topic: a}\n",
			`site.yaml:6:46: profile generic-leak-mqtt is heard over MQTT, bus plc is a Modbus line (choose a bus with mqtt, or a profile for Modbus)`},
		{"no unit", head + "facilities:\n  - {id: m, profile: eastron-sdm630, bus: plc}\n",
			`site.yaml:6:5: a Modbus device needs its unit (the address set on the device, such as unit: 1)`},
		{"a line that cannot keep up", "site: {id: s, timezone: UTC}\nbuses:\n  b1: {rtu: /dev/ttyS9, baud: 1200}\nfacilities:\n  - {id: m, profile: eastron-sdm630, bus: b1, unit: 1, every: 1s}\n",
			`site.yaml:3:3: what is read through bus b1 takes 98 % of its time, more than 80 % (read less often with every or the profile's periods, raise the baud rate, or divide the devices over two lines)`},
		{"no topic", head + "facilities:\n  - {id: m, profile: generic-leak-mqtt, bus: mq}\n",
			`site.yaml:6:5: an MQTT device needs its topic (such as topic: site/a/leak/1/state)`},
		{"a wildcard inside a level", head + "facilities:\n  - {id: m, profile: generic-leak-mqtt, bus: mq, topic: a/b+}\n",
			`site.yaml:6:57: topic "a/b+": + must be a whole level and # the last one`},
		{"devices without a placeholder", head + "facilities:\n  - {id: m, profile: generic-leak-mqtt, bus: mq, topic: \"a/{device}\", devices: [a, b]}\n",
			`site.yaml:6:10: 2 devices would share the id "m" (put {device} into the id, such as m-{device})`},
		{"a placeholder in the topic alone", head + "facilities:\n  - {id: m, profile: generic-leak-mqtt, bus: mq, topic: \"a/{device}\"}\n",
			`site.yaml:6:57: topic: nothing says what {device} stands for (put {device} into the id, too, and list the devices: devices: [a, b])`},
		{"a device whose name cannot be in an id", head + "facilities:\n  - {id: \"m-{device}\", profile: generic-leak-mqtt, bus: mq, topic: \"a/{device}\", devices: [a, B]}\n",
			`site.yaml:6:95: "m-B" cannot be the id of a facility (small letters, digits and -, such as lift-1)`},
		{"a device that is listed twice", head + "facilities:\n  - {id: \"m-{device}\", profile: generic-leak-mqtt, bus: mq, topic: \"a/{device}\", devices: [a, a]}\n",
			`site.yaml:6:95: id "m-a" is taken by the facility in site.yaml:6:92 (give one of them another id)`},
		{"an id that is taken", head + "facilities:\n  - {id: bus-1, profile: eastron-sdm630, bus: plc, unit: 1}\n",
			`site.yaml:6:10: the id bus-1 is taken by the gateway itself (name it otherwise)`},
		{"a lift that passes for a pump", head + "facilities:\n  - {id: m, class: pump, profile: generic-lift-io, bus: plc, unit: 1}\n",
			`site.yaml:6:20: profile generic-lift-io is of a device that lives hang on, class pump is not (leave class out, or say elevator)`},
		{"an unknown class", head + "facilities:\n  - {id: m, class: elevater, profile: generic-lift-io, bus: plc, unit: 1}\n",
			`site.yaml:6:20: unknown class "elevater" (did you mean "elevator"? known: drive, electric_meter, elevator, environment, escalator, fire_panel, fire_water, gas_meter, generator, heat_meter, hvac, leak_sensor, pump, pump_group, sump, transformer, water_meter, water_tank)`},
		{"an unknown criticality", head + "facilities:\n  - {id: m, criticality: D, profile: eastron-sdm630, bus: plc, unit: 1}\n",
			`site.yaml:6:26: unknown criticality "D" (A, B or C)`},
		{"one point from two sources", head + "facilities:\n  - id: m\n    sources:\n      - {profile: eastron-sdm630, bus: plc, unit: 1}\n      - {profile: eastron-sdm630, bus: plc, unit: 2}\n",
			`site.yaml:9:19: point v_l1 is in the profile of another source, too (a facility has each point once: use a profile of your own with other names)`},
		{"a source beside sources", head + "facilities:\n  - id: m\n    unit: 1\n    sources: [{profile: eastron-sdm630, bus: plc, unit: 1}]\n",
			`site.yaml:8:5: a source stands both beside sources and in it (move profile, bus, unit, topic, every, expect and points into the list)`},
		{"a param for a facility that does not exist", head + "facilities: [" + meter + "]\nrules: {set: {n: {v_high: 240 V}}}\n",
			`site.yaml:6:15: there is no facility "n" (known: m)`},
		{"a param that does not exist", head + "facilities: [" + meter + "]\nrules: {set: {m: {v_hihg: 240 V}}}\n",
			`site.yaml:6:27: no rule for electric_meter has a param "v_hihg" (one of v_high, v_low, v_lost, thd_high, f_high, f_low, imbalance_max, current_imbalance_max, current_max, residual_max, cable_warn, cable_max)`},
		{"a param in another unit", head + "facilities: [" + meter + "]\nrules: {set: {m: {v_high: 240 A}}}\n",
			`site.yaml:6:27: v_high: 240 A: A (current) cannot be compared with V (voltage) (the rules have 235.4 V)`},
		{"a pattern that leads out of the folder", head + "facilities: [" + meter + "]\nprofiles: [../x.yaml, /etc/x.yaml]\n",
			"site.yaml:6:12: \"../x.yaml\" is not below the folder of the site file (put the files beside the site file)\n" +
				"site.yaml:6:23: \"/etc/x.yaml\" is not below the folder of the site file (put the files beside the site file)"},
		{"a pattern that nothing matches", head + "facilities: [" + meter + "]\nprofiles: own/*.yaml\n",
			`site.yaml:6:11: there is no file own/*.yaml (names are relative to the site file)`},
		{"a password in plain text", "site: {id: s, timezone: UTC}\nbuses:\n  mq: {mqtt: \"mqtt://h:1883\", client_id: gw, password: hunter2}\nfacilities:\n  - {id: m, profile: generic-leak-mqtt, bus: mq, topic: a}\n",
			`site.yaml:3:56: password: a secret must not be written into the file (write ${NAME} and set NAME in the environment, or name a file with password_file)`},
		{"a password file that is not there", "site: {id: s, timezone: UTC}\nbuses:\n  mq: {mqtt: \"mqtt://h:1883\", client_id: gw, password_file: /nowhere/mq}\nfacilities:\n  - {id: m, profile: generic-leak-mqtt, bus: mq, topic: a}\n",
			`site.yaml:3:61: password_file: file /nowhere/mq cannot be read: no such file or directory (check its name and that the gateway's user may read it)`},
		{"a route for a building that does not exist", head + "facilities:\n  - {id: m, profile: eastron-sdm630, bus: plc, unit: 1, building: East}\nnotify:\n  receivers: [{id: desk, webhook: {url: \"http://h/\"}}]\n  routes: [{to: desk, buildings: [Esat]}]\n",
			`site.yaml:9:35: no facility is in building "Esat" (did you mean "East"? known: East)`},
		{"an acknowledgement that is over before anybody can act", head + "alerts: {ack_for: {critical: 1s}}\nfacilities: [" + meter + "]\n",
			`site.yaml:5:30: critical: an acknowledgement that holds for 1s helps nobody (1min or more, such as 4h; leave it out for no limit)`},
		{"everybody may reach it", head + "http: {listen: \":8080\"}\nfacilities: [" + meter + "]\n",
			`site.yaml:5:16: listen: :8080 can be reached by others (listen on 127.0.0.1 behind a reverse proxy, or say open: true; everybody then needs a login)`},
		{"the clock of the machine", "site: {id: s, timezone: Local}\nbuses: {plc: {tcp: \"h:502\"}}\nfacilities: [" + meter + "]\n",
			`site.yaml:1:25: unknown timezone "Local" (known: Asia/Shanghai, Asia/Urumqi, Asia/Hong_Kong, Asia/Macau, Asia/Taipei, Asia/Singapore, Asia/Tokyo, Europe/Berlin, Europe/London, UTC)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(map[string]string{"site.yaml": tt.src})
			if got := mistakes(t, err); got != tt.want+"\n" {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestWarningsDoNotStopASite(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(secret, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	c, err := load(map[string]string{
		"site.yaml": "site: {id: s, timezone: UTC}\nbuses:\n  a: {tcp: h:502}\n  b: {tcp: h:503}\n  mq: {mqtt: \"mqtt://h:1883\", client_id: gw, password_file: " + secret + "}\n" +
			"facilities:\n  - {id: m, profile: eastron-sdm630, bus: a, unit: 1}\n  - {id: n, profile: eastron-sdm630, bus: a, unit: 1}\n  - {id: l, profile: generic-leak-mqtt, bus: mq, topic: t}\n  - {id: k, profile: generic-leak-mqtt, bus: mq, topic: $share/gateways/k}\n" +
			"rules: {packs: electric, files: own.yaml}\n",
		"own.yaml": ownRule,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, strings.ReplaceAll(w.String(), secret, "SECRET"))
	}
	want := []string{
		"site.yaml:4:3: nothing is read through bus b (take it out, or name it in a facility)",
		"site.yaml:10:57: topic: a shared subscription brings messages in another order than they were sent, and none that the broker has kept (take the $share/group/ off, unless several gateways are to share the messages)",
		"site.yaml:8:52: unit 1 of bus a is read with profile eastron-sdm630 for facility n as well as for the one in site.yaml:7:5 (both will always show the same values)",
		"own.yaml:3:3: rule lonely applies to no facility (does a facility of class gas_meter have the points it names?)",
		"site.yaml:9:5: no rule watches facility l but for its link (is the pack for class leak_sensor among rules.packs?)",
		"site.yaml:10:5: no rule watches facility k but for its link (is the pack for class leak_sensor among rules.packs?)",
		"site.yaml:5:61: password_file: every user of this machine can read SECRET (chmod 640, with the gateway's group)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

const ownRule = `class: gas_meter
rules:
  lonely:
    title: {zh: 无, en: None}
    severity: info
    when: flow > 1 m3/h
    why: {cause: {zh: 无, en: None}, consequence: {zh: 无, en: None}, response: {zh: 无, en: None}}
`

func TestIncludedFilesAreMerged(t *testing.T) {
	files := map[string]string{
		"site.yaml":     small + "include: [floors/*.yaml]\n",
		"floors/1.yaml": "buses: {f1: {tcp: \"h1:502\"}}\nfacilities:\n  - {id: meter-1, profile: eastron-sdm630, bus: f1, unit: 1}\n  - {id: meter-2, profile: eastron-sdm630, bus: plc, unit: 2}\n",
	}
	c, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	if c.Site.Facility("meter-1") == nil || c.Site.Facility("meter-2") == nil || len(c.Buses) != 3 {
		t.Errorf("the included file was not merged: %d buses", len(c.Buses))
	}
	files["floors/2.yaml"] = "buses: {f1: {tcp: \"h2:502\"}}\nfacilities:\n  - {id: meter-1, profile: eastron-sdm630, bus: f1, unit: 1}\nsite: {id: x}\n"
	_, err = load(files)
	want := `floors/2.yaml:1:9: bus "f1" is already in floors/1.yaml:1:9 (give one of them another name)
floors/2.yaml:3:10: id "meter-1" is taken by the facility in floors/1.yaml:3:10 (give one of them another id)
floors/2.yaml:4:1: unknown key "site" (known: buses, facilities)
`
	if got := mistakes(t, err); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestOwnProfilesStandBesideThoseThatShip(t *testing.T) {
	site := strings.Replace(small, "generic-lift-io", "acme-lift", 1) + "profiles: own/*.yaml\n"
	shipped, err := fs.ReadFile(configs.Shipped(), "profiles/generic-lift-io.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(shipped), "profile: generic-lift-io", "profile: acme-lift", 1)
	if _, err := load(map[string]string{"site.yaml": site, "own/lift.yaml": own}); err != nil {
		t.Error(err)
	}
	_, err = load(map[string]string{"site.yaml": site, "own/lift.yaml": own, "own/copy.yaml": string(shipped)})
	if got := mistakes(t, err); !strings.HasPrefix(got, `own/copy.yaml:5:10: profile "generic-lift-io" is already in configs/profiles/generic-lift-io.yaml:5:10 (`) {
		t.Errorf("a second profile of one name gave %s", got)
	}
	broken := strings.Replace(own, "bit: 7", "bit: 77", 1)
	_, err = load(map[string]string{"site.yaml": site, "own/lift.yaml": broken})
	if got := mistakes(t, err); strings.Count(got, "\n") != 1 || !strings.Contains(got, "own/lift.yaml:") || !strings.Contains(got, "bits 0 to 15") {
		t.Errorf("a profile with a mistake gave more than that mistake: %s", got)
	}
}

func TestMistakesThatOnlyTheSiteShowsArePlacedInTheRuleFile(t *testing.T) {
	site := small + "rules: {packs: [elevator, electric], files: own.yaml}\n"
	own := strings.NewReplacer("gas_meter", "elevator", "flow > 1 m3/h", "mode == asleep").Replace(ownRule)
	_, err := load(map[string]string{"site.yaml": site, "own.yaml": own})
	if got := mistakes(t, err); !strings.HasPrefix(got, `own.yaml:6:11: `) || !strings.Contains(got, `point mode has no state "asleep"`) {
		t.Errorf("an unknown state gave %s", got)
	}
	twice := strings.NewReplacer("gas_meter", "elevator", "lonely", "entrapment", "flow > 1 m3/h", "moving == true").Replace(ownRule)
	_, err = load(map[string]string{"site.yaml": site, "own.yaml": twice})
	if got := mistakes(t, err); !strings.HasPrefix(got, `own.yaml:3:3: rule "entrapment" for elevator is already in configs/rules/elevator.yaml:`) {
		t.Errorf("a rule that ships, written again, gave %s", got)
	}
	// The rule that ships is right; it is the own profile that makes it wrong.
	site = strings.Replace(site, "generic-lift-io", "acme-meter", 1) + "profiles: [p.yaml]\n"
	site = strings.Replace(site, ", files: own.yaml", "", 1)
	profile := "profile: acme-meter\nsource: paper\ntrust: paper\nclass: electric_meter\npoints: {v: {reg: 1, unit: A, role: voltage.l1}}\n"
	_, err = load(map[string]string{"site.yaml": site, "p.yaml": profile})
	if got := mistakes(t, err); !strings.HasPrefix(got, "configs/rules/electric.yaml:") || !strings.Contains(got, "lift-1") {
		t.Errorf("a voltage in ampere gave %s", got)
	}
}

func TestAFacilityWithSeveralSourcesHasALinkForEach(t *testing.T) {
	c, err := load(map[string]string{"site.yaml": small + `
  - id: lift-2
    sources:
      - {profile: generic-lift-io, bus: plc, unit: 4}
      - {profile: generic-leak-mqtt, bus: mq, topic: pit/2}
`})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []gateway.PointID{"lift-2/floor", "lift-2/link", "lift-2/leak", "lift-2/link.2"} {
		if _, ok := c.Site.Lookup(id); !ok {
			t.Errorf("there is no point %s", id)
		}
	}
	lift := c.Site.Facility("lift-2")
	if diff := cmp.Diff([]gateway.FacilityID{"bus-plc", "bus-mq"}, lift.Lines); diff != "" || lift.Class != gateway.Elevator {
		t.Errorf("class %s, lines (-want +got):\n%s", lift.Class, diff)
	}
	lines := map[string]gateway.FacilityID{}
	for _, p := range lift.Points {
		if p.Line != "" {
			lines[p.Name] = p.Line
		}
	}
	if diff := cmp.Diff(map[string]gateway.FacilityID{"link": "bus-plc", "link.2": "bus-mq"}, lines); diff != "" {
		t.Errorf("lines by link point (-want +got):\n%s", diff)
	}
}

func TestSecretsReachThePartsThatNeedThem(t *testing.T) {
	site := strings.Replace(small, "client_id: lakeside-gw", `client_id: lakeside-gw, username: gw, password: "${PW}"`, 1) +
		"http: {listen: \":8080\", open: true}\ninflux: {url: \"http://h:8086\", bucket: b, token: \"${TOKEN}\"}\n"
	env := map[string]string{"PW": "s3cret-pw", "TOKEN": "s3cret-token"}
	c, err := configs.Load(fstest.MapFS{"site.yaml": {Data: []byte(site)}}, "site.yaml", configs.Options{
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Buses[1].Password != "s3cret-pw" || c.Influx.Token != "s3cret-token" || c.HTTP.Listen != ":8080" {
		t.Errorf("password %q, token %q, listen %s", c.Buses[1].Password, c.Influx.Token, c.HTTP.Listen)
	}
	if _, ok := c.Site.Lookup("gateway/influx"); !ok {
		t.Error("the gateway does not watch its InfluxDB")
	}
}

func TestSecretsFromTheEnvironmentAreNeverShown(t *testing.T) {
	env := func(name string) (string, bool) { return "s3cret://" + name, true }
	fsys := fstest.MapFS{"site.yaml": {Data: []byte(`
site: {id: "${ID}", timezone: "${TZ}"}
http: {listen: "${LISTEN}"}
buses:
  mq: {mqtt: "${BROKER}", client_id: gw, password: "${PW}", qos: "${QOS}"}
facilities:
  - {id: "${F}", profile: "${P}", bus: "${B}", class: "${C}", topic: "${T}"}
rules: {packs: "${PACK}", set: {x: {y: "${Q}"}}}
influx: {url: "${URL}", bucket: b, token: "${TOKEN}"}
`)}}
	_, err := configs.Load(fsys, "site.yaml", configs.Options{Env: env})
	got := mistakes(t, err)
	if strings.Contains(got, "s3cret") || strings.Count(got, "\n") < 8 {
		t.Errorf("messages are\n%s", got)
	}
}

func TestASiteFileThatIsNotThereIsNoMistakeOfItsOwn(t *testing.T) {
	if _, err := load(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestShippedProfilesHoldWhatTheyPromise(t *testing.T) {
	profiles, err := configs.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range glob(t, configs.Shipped(), "profiles/*.yaml") {
		name := strings.TrimSuffix(path.Base(file), ".yaml")
		p := profiles[name]
		if p == nil {
			t.Errorf("%s does not hold a profile of its name", file)
			continue
		}
		if len(p.Samples) == 0 || p.Title.ZH == "" || p.Title.EN == "" {
			t.Errorf("%s has %d samples and the name %+v", file, len(p.Samples), p.Title)
		}
		if (p.Safety == "life") != p.Class.LifeSafety() {
			t.Errorf("%s: class %s with safety %q", file, p.Class, p.Safety)
		}
		if err := p.TestSamples(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestShippedSitesAreInOrder loads each site that ships, with addresses like
// those of the demo in the environment.
func TestShippedSitesAreInOrder(t *testing.T) {
	port := 1000
	env := func(name string) (string, bool) {
		port++
		return fmt.Sprintf("127.0.0.1:%d", port), strings.HasPrefix(name, "SIM_")
	}
	for _, file := range glob(t, configs.Shipped(), "sites/*.yaml") {
		c, err := configs.Load(configs.Shipped(), file, configs.Options{Env: env})
		if err != nil {
			t.Errorf("%s:\n%v", file, err)
			continue
		}
		if len(c.Warnings) > 0 {
			t.Errorf("%s: warnings %v", file, c.Warnings)
		}
	}
}

func TestShippedSimulationsAreInOrder(t *testing.T) {
	for _, file := range glob(t, configs.Shipped(), "simulations/*.yaml") {
		var plan simulators.Plan
		if err := configs.Decode(configs.Shipped(), file, &plan); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
		if len(plan.Devices) == 0 {
			t.Errorf("%s has no devices", file)
		}
	}
}

func TestDecodeTellsOfEveryMistake(t *testing.T) {
	var plan simulators.Plan
	err := configs.Decode(fstest.MapFS{"p.yaml": {Data: []byte("sed: 1\nspeed: fast\nbuses: {a: {tcp: h}}\n")}}, "p.yaml", &plan)
	want := []string{`p.yaml:1:1: unknown key "sed" (did you mean "seed"?`, `p.yaml:1:1: key "devices" is missing`, `p.yaml:2:8: speed: want a number, got "fast"`}
	for _, w := range want {
		if got := mistakes(t, err); !strings.Contains(got, w) {
			t.Errorf("got\n%swithout %s", got, w)
		}
	}
	if err := configs.Decode(fstest.MapFS{}, "p.yaml", &plan); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there gave %v", err)
	}
}

// TestShippedRulePacksAreInOrder takes each pack by itself, so that a mistake
// in one is told of that one.
func TestShippedRulePacksAreInOrder(t *testing.T) {
	for _, file := range glob(t, configs.Shipped(), "rules/*.yaml") {
		name := strings.TrimSuffix(path.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			if _, err := load(map[string]string{"site.yaml": small + "rules: {packs: " + name + "}\n"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGoodFilesHaveBadTwins loads every profile and rule pack in testdata: a file
// NAME.good.yaml has no mistake, NAME.bad.yaml has those in NAME.bad.txt.
func TestGoodFilesHaveBadTwins(t *testing.T) {
	for key, folder := range map[string]string{"profiles": "profiles", "rules.files": "rules"} {
		twins := map[string]int{}
		for _, file := range glob(t, os.DirFS("testdata"), folder+"/*.yaml") {
			base, kind, _ := strings.Cut(strings.TrimSuffix(file, ".yaml"), ".")
			twins[base]++
			site := small + "profiles: [" + file + "]\n"
			if key != "profiles" {
				site = small + "rules: {files: [" + file + "]}\n"
			}
			text, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			_, err = load(map[string]string{"site.yaml": site, file: string(text)})
			got := mistakes(t, err)
			switch kind {
			case "good":
				if got != "" {
					t.Errorf("%s has mistakes:\n%s", file, got)
				}
			case "bad":
				golden(t, filepath.Join("testdata", base+".bad.txt"), got)
				if got == "" {
					t.Errorf("%s has no mistakes", file)
				}
			default:
				t.Errorf("%s is neither good nor bad", file)
			}
		}
		for base, n := range twins {
			if n != 2 {
				t.Errorf("%s has no twin", base)
			}
		}
		if len(twins) == 0 {
			t.Errorf("no twins in %s", folder)
		}
	}
}

func TestSchemasAreThoseInTheFolder(t *testing.T) {
	for _, kind := range []string{"site", "profile", "rules", "ruletest", "roster"} {
		text, err := configs.Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "schema/"+kind+".schema.json", string(text))
	}
	if _, err := configs.Schema("recipe"); err == nil {
		t.Error("there is a schema of something else")
	}
}

func glob(t *testing.T, fsys fs.FS, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(fsys, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names
}

func FuzzLoad(f *testing.F) {
	f.Add(small)
	twelve, err := os.ReadFile("testdata/twelve.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(twelve))
	f.Add("site: {id: s, timezone: UTC}\ninclude: '*.yaml'\nrules: {files: [site.yaml]}\n")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := load(map[string]string{"site.yaml": src})
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if err == nil {
			return
		}
		for _, p := range err.(*configs.Errors).Problems {
			if p.File == "" || p.Line < 1 || p.Col < 1 || p.Message == "" {
				t.Errorf("a problem without a place: %+v", p)
			}
		}
	})
}

// BenchmarkLoad reads a site of 1,000 facilities with everything that ships.
func BenchmarkLoad(b *testing.B) {
	var site strings.Builder
	site.WriteString("site: {id: s, timezone: UTC}\nbuses:\n  plc: {tcp: \"h:502\"}\nfacilities:\n")
	for i := range 1000 {
		fmt.Fprintf(&site, "  - {id: m-%d, profile: eastron-sdm630, bus: plc, unit: %d, name: {zh: 电表, en: Meter}, building: \"1\", place: 配电间}\n", i, i%248)
	}
	files := map[string]string{"site.yaml": site.String()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load(files); err != nil {
			b.Fatal(err)
		}
	}
}
