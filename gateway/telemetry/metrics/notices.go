package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intact-gateway/intact/alerts/notify"
)

// What is known of the way to the receivers.
var (
	notices        = family("notify_total", "Attempts to send a notice by how they ended, and notices given up, since the gateway started.", "receiver", "result")
	receiverFailed = family("notify_failing", "Whether the last attempt to send a notice to the receiver failed, 1 or 0.", "receiver")
	receiverPartly = family("notify_partly_failing", "Whether the notice that the receiver took last did not reach all of it, 1 or 0: a robot of a pool, a mailbox or a number does not work.", "receiver")
)

// everyPerson stands for all people of the roster: no person is a label.
const everyPerson = "people/*"

// deliveries is the collector of what the senders count.
type deliveries struct{ senders []*notify.Sender }

// Describe implements prometheus.Collector.
func (deliveries) Describe(ch chan<- *prometheus.Desc) {
	ch <- notices
	ch <- receiverFailed
	ch <- receiverPartly
}

// Collect implements prometheus.Collector.
func (c deliveries) Collect(ch chan<- prometheus.Metric) {
	byReceiver := make(map[string]notify.SenderStats)
	for _, sender := range c.senders {
		r, s := sender.Receiver(), sender.Stats()
		if strings.HasPrefix(r, notify.PeoplePrefix) {
			r = everyPerson
		}
		sum := byReceiver[r]
		byReceiver[r] = notify.SenderStats{Sent: sum.Sent + s.Sent, Failed: sum.Failed + s.Failed, Dead: sum.Dead + s.Dead, Failing: sum.Failing || s.Failing, Partly: sum.Partly || s.Partly}
	}
	for r, s := range byReceiver {
		counter(ch, notices, float64(s.Sent), r, "sent")
		counter(ch, notices, float64(s.Failed), r, "failed")
		counter(ch, notices, float64(s.Dead), r, "dead")
		gauge(ch, receiverFailed, truth(s.Failing), r)
		gauge(ch, receiverPartly, truth(s.Partly), r)
	}
}
