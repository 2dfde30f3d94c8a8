package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

func TestValidateReportsEveryMistake(t *testing.T) {
	hook := func(url string) *notify.Webhook { return &notify.Webhook{URL: url} }
	desk := notify.Receiver{ID: "duty-desk", Webhook: hook("https://example.com/alarm")}
	route := func(r notify.Route) notify.Config {
		return notify.Config{Receivers: []notify.Receiver{desk, {ID: "boss", Webhook: hook("http://[::1]:80/")}}, Routes: []notify.Route{r}}
	}
	receiver := func(r ...notify.Receiver) notify.Config { return notify.Config{Receivers: r} }
	for _, tt := range []struct {
		name   string
		config notify.Config
		want   []string // path: problem; hint
	}{
		{"nothing", notify.Config{}, nil},
		{"all that a route can say", route(notify.Route{To: []string{"duty-desk", "boss"}, Severity: "life_safety", Classes: []gateway.Class{gateway.Pump},
			Buildings: []string{"1"}, Events: []string{"raised", "level", "returned", "acknowledged", "withdrawn"}}), nil},
		{"a receiver twice", receiver(desk, desk), []string{`receivers[1].id: receiver "duty-desk" exists twice; `}},
		{"a receiver with a strange name", receiver(notify.Receiver{ID: "Duty Desk", Webhook: hook("http://a")}),
			[]string{`receivers[0].id: "Duty Desk" cannot name a receiver; small letters, digits and -`}},
		{"a receiver that cannot be reached", receiver(notify.Receiver{ID: "a"}), []string{"receivers[0]: receiver a has no channel; give it a webhook: {url: …}"}},
		{"addresses that are none", receiver(
			notify.Receiver{ID: "a", Webhook: hook("ftp://example.com")}, notify.Receiver{ID: "b", Webhook: hook("example.com/alarm")},
			notify.Receiver{ID: "c", Webhook: hook("https://:443/x")}, notify.Receiver{ID: "d", Webhook: hook("http://a b\x7f")}),
			[]string{
				"receivers[0].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
				"receivers[1].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
				"receivers[2].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
				"receivers[3].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
			}},
		{"two secrets and an endless attempt", receiver(notify.Receiver{ID: "a", Webhook: &notify.Webhook{URL: "http://a", Secret: "x", SecretFile: "y", Timeout: time.Hour}}),
			[]string{
				"receivers[0].webhook.secret_file: there are two secrets; keep secret or secret_file",
				"receivers[0].webhook.timeout: the time for one attempt is out of bounds; up to 1min; what fails is tried again",
			}},
		{"a slip in a receiver's name", route(notify.Route{To: []string{"boss", "dutydesk"}}),
			[]string{`routes[0].to[1]: there is no receiver "dutydesk"; did you mean duty-desk?`}},
		{"a receiver that is like no other", route(notify.Route{To: []string{"fire-brigade"}}),
			[]string{`routes[0].to[0]: there is no receiver "fire-brigade"; one of duty-desk, boss`}},
		{"no receivers at all", notify.Config{Routes: []notify.Route{{To: []string{"boss"}}}}, []string{`routes[0].to[0]: there is no receiver "boss"; there are none`}},
		{"a route to nobody", route(notify.Route{}), []string{"routes[0].to: the route leads to nobody; name one or more receivers"}},
		{"slips in the rest of a route", route(notify.Route{To: []string{"boss"}, Severity: "criticl", Classes: []gateway.Class{gateway.Pump, "elevater"}, Events: []string{"raise", "everything"}}),
			[]string{
				`routes[0].severity: unknown severity "criticl"; did you mean critical?`,
				`routes[0].classes[1]: unknown class "elevater"; did you mean elevator?`,
				`routes[0].events[0]: unknown event "raise"; did you mean raised?`,
				`routes[0].events[1]: unknown event "everything"; one of raised, level, returned, acknowledged, withdrawn`,
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			tt.config.Validate(func(path, problem, hint string) { got = append(got, path+": "+problem+"; "+hint) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
