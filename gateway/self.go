package gateway

import "time"

// Self is the id of the facility that stands for the gateway itself.
const Self FacilityID = "gateway"

// The points of the Self facility, each 1 while the part does its duty.
const (
	SelfStore  = "store"  // transitions reach the disk
	SelfNotify = "notify" // receivers take their notices
	SelfInflux = "influx" // telemetry reaches InfluxDB
)

// SelfFacility returns the gateway as a facility of its own site, so that its
// own failures raise alerts and tickets like anybody else's.
func SelfFacility(influx bool) Facility {
	points := []Point{
		selfPoint(SelfStore, Text{"记录存储正常", "Journal storage works"}),
		selfPoint(SelfNotify, Text{"通知送达正常", "Notices are delivered"}),
	}
	if influx {
		points = append(points, selfPoint(SelfInflux, Text{"InfluxDB 写入正常", "InfluxDB takes the samples"}))
	}
	return Facility{ID: Self, Class: Gateway, Name: Text{"网关", "Gateway"}, Points: points}
}

func selfPoint(name string, text Text) Point {
	return Point{Name: name, Text: text, Kind: Discrete, Role: name, Period: time.Second}
}
