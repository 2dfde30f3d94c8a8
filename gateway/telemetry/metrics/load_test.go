package metrics_test

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/rules"
)

func TestTheLoadOfAlertsIsTold(t *testing.T) {
	s := quiet(newSite(t, lift()))
	s.Load = alerts.Load{TenMinutes: 12, Hour: 14, Flood: true, InFlood: 90 * time.Second, Acked: 3, AckTime: 5 * time.Minute}
	s.Load.Told[rules.Warning] = 20
	day := s.At.Add(-24 * time.Hour)
	s.Alerts = []alerts.Alert{
		{ID: 1, Phase: rules.Active, Started: day - 1},
		{ID: 2, Phase: rules.Active, Started: day},
		{ID: 3, Phase: rules.Normal, Started: day - 1, Chatter: alerts.Chatter{Until: s.At + 1}},
	}
	expect(t, registry(s), `
# HELP intact_alert_acknowledge_seconds_total Time from the raising of alerts to their acknowledgement, added up since the gateway started, in seconds.
# TYPE intact_alert_acknowledge_seconds_total counter
intact_alert_acknowledge_seconds_total 300
# HELP intact_alert_acknowledgements_total Acknowledgements since the gateway started.
# TYPE intact_alert_acknowledgements_total counter
intact_alert_acknowledgements_total 3
# HELP intact_alert_flood Whether there is a flood: 1 from more than 10 alerts told in 10 minutes until less than 5.
# TYPE intact_alert_flood gauge
intact_alert_flood 1
# HELP intact_alert_flood_seconds_total Time in flood since the gateway started, in seconds.
# TYPE intact_alert_flood_seconds_total counter
intact_alert_flood_seconds_total 90
# HELP intact_alerts_chattering Alerts that come and go.
# TYPE intact_alerts_chattering gauge
intact_alerts_chattering 1
# HELP intact_alerts_standing Alerts whose condition has lasted for more than 24 hours, shelved and hidden ones included.
# TYPE intact_alerts_standing gauge
intact_alerts_standing 1
# HELP intact_alerts_told_recent Alerts that people were told are active in the last 10 minutes and in the last hour.
# TYPE intact_alerts_told_recent gauge
intact_alerts_told_recent{window="10m"} 12
intact_alerts_told_recent{window="1h"} 14
# HELP intact_alerts_told_total Alerts that people were told are active since the gateway started.
# TYPE intact_alerts_told_total counter
intact_alerts_told_total{severity="critical"} 0
intact_alerts_told_total{severity="info"} 0
intact_alerts_told_total{severity="life_safety"} 0
intact_alerts_told_total{severity="warning"} 20
`, "intact_alert_acknowledge_seconds_total", "intact_alert_acknowledgements_total", "intact_alert_flood", "intact_alert_flood_seconds_total",
		"intact_alerts_chattering", "intact_alerts_standing", "intact_alerts_told_recent", "intact_alerts_told_total")
}
