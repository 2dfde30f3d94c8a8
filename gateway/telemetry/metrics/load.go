package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// What the alerts ask of people, by the figures of EEMUA 191 and ISA-18.2.
var (
	alertsTold       = family("alerts_told_total", "Alerts that people were told are active since the gateway started.", "severity")
	alertsRecent     = family("alerts_told_recent", "Alerts that people were told are active in the last 10 minutes and in the last hour.", "window")
	alertFlood       = family("alert_flood", "Whether there is a flood: 1 from more than 10 alerts told in 10 minutes until less than 5.")
	alertFloodTime   = family("alert_flood_seconds_total", "Time in flood since the gateway started, in seconds.")
	alertsAcked      = family("alert_acknowledgements_total", "Acknowledgements since the gateway started.")
	alertAckTime     = family("alert_acknowledge_seconds_total", "Time from the raising of alerts to their acknowledgement, added up since the gateway started, in seconds.")
	alertsChattering = family("alerts_chattering", "Alerts that come and go.")
	alertsStanding   = family("alerts_standing", "Alerts whose condition has lasted for more than 24 hours, shelved and hidden ones included.")
)

// standingAfter is when an alert that lasts tells people nothing any more.
const standingAfter = 24 * time.Hour

// collectLoad sends what the alerts ask of people.
func collectLoad(ch chan<- prometheus.Metric, s *pipeline.Snapshot) {
	for _, severity := range severities {
		counter(ch, alertsTold, float64(s.Load.Told[severity]), severity.String())
	}
	gauge(ch, alertsRecent, float64(s.Load.TenMinutes), "10m")
	gauge(ch, alertsRecent, float64(s.Load.Hour), "1h")
	flood := 0.0
	if s.Load.Flood {
		flood = 1
	}
	gauge(ch, alertFlood, flood)
	counter(ch, alertFloodTime, s.Load.InFlood.Seconds())
	counter(ch, alertsAcked, float64(s.Load.Acked))
	counter(ch, alertAckTime, s.Load.AckTime.Seconds())
	chattering, standing := 0, 0
	for _, a := range s.Alerts {
		if a.Chattering() {
			chattering++
		}
		if a.Phase != rules.Normal && s.At.Sub(a.Started) > standingAfter {
			standing++
		}
	}
	gauge(ch, alertsChattering, float64(chattering))
	gauge(ch, alertsStanding, float64(standing))
}
