package web_test

import (
	"fmt"
	"testing"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// estate is a site of 1,000 facilities and 20,000 points in which all is well.
func estate(b *testing.B) func(*pipeline.Snapshot) {
	b.Helper()
	classes := gateway.Classes()
	var facilities []gateway.Facility
	for i := range 1000 {
		f := gateway.Facility{
			ID: gateway.FacilityID(fmt.Sprintf("f-%d", i)), Class: classes[i%len(classes)], Building: fmt.Sprint(i % 20), Name: text("设施", "Facility"),
		}
		for j := range 20 {
			f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("p%d", j), Unit: "V", Decimals: 1})
		}
		facilities = append(facilities, f)
	}
	site, err := gateway.NewSite("estate", text("大院", "Estate"), shanghai, gateway.Chinese, facilities)
	if err != nil {
		b.Fatal(err)
	}
	return func(s *pipeline.Snapshot) {
		s.Site, s.Alerts, s.Tickets = site, nil, nil
		s.Values = make([]gateway.Sample, site.Len())
		for ref := range site.Points() {
			s.Values[ref] = gateway.Sample{Point: ref, Quality: gateway.Good, Value: 230.4, At: noon}
		}
		s.Facilities = make([]pipeline.FacilityState, len(facilities))
		s.Today, s.Month = make([]intact.Tally, len(facilities)), make([]intact.Tally, len(facilities))
	}
}

func BenchmarkOverviewOf1000Facilities(b *testing.B) {
	g := newGateway(b)
	g.publish(estate(b))
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(g.get("/").Body.Len()))
	}
}

func BenchmarkListOf5000Points(b *testing.B) {
	g := newGateway(b)
	g.publish(estate(b))
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(g.get("/api/v1/points?limit=5000").Body.Len()))
	}
}
