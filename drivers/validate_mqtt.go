package drivers

import (
	"fmt"
	"time"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

// maxAuto is how many values of one device may be listed beside its points.
const maxAuto = 200

// validateMQTT checks what a profile says of the messages as a whole.
func (p *Profile) validateMQTT(report gateway.Report) {
	if p.Protocol != MQTT {
		for _, k := range []struct {
			key   string
			given bool
		}{{"expect_every", p.ExpectEvery != 0}, {"time", p.Time != nil}, {"birth", p.Birth != nil}, {"death", p.Death != nil}, {"auto", p.Auto != Auto{}}} {
			if k.given {
				report(k.key, "a Modbus profile has no "+k.key, "say protocol: mqtt")
			}
		}
		return
	}
	duration(report, "expect_every", p.ExpectEvery, time.Second, 30*24*time.Hour)
	if s := p.Time; s != nil {
		oneOf(report, "time.format", s.Format, mqtt.Unix, mqtt.UnixMillis, mqtt.RFC3339)
		duration(report, "time.max_skew", s.MaxSkew, time.Second, 24*time.Hour)
		checkPath(report, "time.path", s.Path)
	}
	if n := p.Auto.MaxPoints; n < 0 || n > maxAuto {
		report("auto.max_points", fmt.Sprintf("%d values of each device", n), fmt.Sprintf("0 to %d", maxAuto))
	}
	validateSign(report.At("birth"), p.Birth)
	validateSign(report.At("death"), p.Death)
	if p.Birth != nil && p.Death != nil && *p.Birth == *p.Death {
		report("death", "birth and death are the same message", "say what tells them apart with payload")
	}
}

func validateSign(report gateway.Report, s *Sign) {
	if s == nil {
		return
	}
	if s.Topic == "" {
		report("topic", "nothing says on which topic", "such as ../LWT, beside the topic of the device")
	}
	if s.Path != "" {
		checkPath(report, "path", s.Path)
	}
}

// checkPath reports a path into a payload that cannot be read.
func checkPath(report gateway.Report, key, path string) {
	if _, err := mqtt.NewDecoder([]mqtt.Point{{Path: path}}); err != nil {
		report(key, err.Error(), "")
	}
}
