package configs_test

import (
	"strings"
	"testing"
	"time"
)

const laddered = `site: {id: s, timezone: Asia/Shanghai}
buses: {plc: {tcp: "h:502"}}
facilities: [{id: meter, profile: eastron-sdm630, bus: plc, unit: 1}]
tickets: {roster: roster.yaml}
notify:
  receivers: [{id: desk, webhook: {url: "http://desk"}}]
  people:
    sms: {url: "http://sms", template: '{"to": "{to}", "text": "{text}"}'}
  ladder:
    - severity: critical
      steps:
        - {after: 5min, tell: duty}
        - {after: 15min, tell: [person/chief, receiver/desk], repeat: 30min}
`

func TestALadderIsHeldAgainstTheRoster(t *testing.T) {
	const chief = "people:\n  li: {name: 李敏, mobile: \"13800000001\"}\n  chief: {name: 周主任, mobile: \"13800000002\"}\nshifts: {day: {people: [li]}}\n"
	for _, tt := range []struct{ name, site, roster, want string }{
		{"in order", laddered, chief, ""},
		{"nobody reaches the chief", laddered, strings.Replace(chief, `, mobile: "13800000002"`, "", 1),
			"site.yaml:12:31: duty may call chief, whom no message would reach (give them a mobile or mail that notify: people: has a way to, or a receiver)\n" +
				"site.yaml:13:33: person/chief may call chief, whom no message would reach (give them a mobile or mail that notify: people: has a way to, or a receiver)\n"},
		{"nobody is called chief", laddered, strings.ReplaceAll(chief, "chief:", "boss:"), `site.yaml:13:33: there is no person "chief" in the roster`},
		{"no roster", strings.Replace(laddered, "tickets: {roster: roster.yaml}\n", "", 1), chief, `site.yaml:11:31: "duty" is looked up in the roster, and the site has none`},
		{"no file", strings.Replace(laddered, "roster.yaml", "duty.yaml", 1), chief, "site.yaml:4:19: there is no file duty.yaml"},
		{"mistakes in the roster stand for themselves", laddered, strings.Replace(chief, "[li]", "[lee]", 1), "roster.yaml:4:25: there is no person \"lee\" in the roster (one of li, chief)\n"},
	} {
		_, err := load(map[string]string{"site.yaml": tt.site, "roster.yaml": tt.roster})
		got := mistakes(t, err)
		if whole := strings.HasSuffix(tt.want, "\n"); got != tt.want && (whole || tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: got\n%swant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestTheNextGapOfARosterIsAWarning(t *testing.T) {
	files := map[string]string{"site.yaml": laddered, "roster.yaml": "people: {chief: {name: 周主任, mobile: \"13800000002\"}}\nshifts: {day: {days: [workday], people: [chief]}}\nholidays: [2026-10-01..2026-10-07]\n"}
	c, err := loadAt(time.Date(2026, 9, 28, 9, 0, 0, 0, time.UTC), files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		if w.File == "roster.yaml" {
			got = append(got, w.String())
		}
	}
	const want = "roster.yaml:2:1: shifts: nobody is on duty from 2026-10-01 00:00 to 2026-10-08 00:00 (8 such times within 60 days) (give somebody the shift; until then all on duty are called, or everybody if nobody is)"
	if len(got) != 1 || got[0] != want {
		t.Errorf("the warnings are %q, want %q", got, want)
	}
}
