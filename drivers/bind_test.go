package drivers_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// site lays out a site of the devices as the configuration does.
func site(t *testing.T, buses []drivers.Bus, devices []drivers.Device, profiles map[string]*drivers.Profile) *gateway.Site {
	t.Helper()
	var facilities []gateway.Facility
	index := make(map[gateway.FacilityID]int)
	sources := make(map[gateway.FacilityID]int)
	for _, d := range devices {
		i, ok := index[d.Facility]
		if !ok {
			i = len(facilities)
			index[d.Facility] = i
			facilities = append(facilities, gateway.Facility{ID: d.Facility})
		}
		sources[d.Facility]++
		facilities[i].Points = append(facilities[i].Points, profiles[d.Profile].GatewayPoints(d)...)
		facilities[i].Points = append(facilities[i].Points, drivers.LinkPoint(sources[d.Facility]))
	}
	for _, b := range buses {
		facilities = append(facilities, drivers.LineFacility(b))
	}
	s, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, facilities)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBind(t *testing.T) {
	profiles := map[string]*drivers.Profile{"acme-meter": meter(), "acme-leak": sensor()}
	buses := []drivers.Bus{{ID: "plc"}, {ID: "mq"}, {ID: "idle"}}
	devices := []drivers.Device{
		{Facility: "meter-1", Profile: "acme-meter", Bus: "plc", Unit: 1},
		{Facility: "leak-1", Profile: "acme-leak", Bus: "mq", Topic: "leak/1"},
		{Facility: "meter-1", Profile: "acme-leak", Bus: "mq", Topic: "leak/2"},
	}
	// The second source of meter-1 has a point of the same name as the first.
	other := *sensor()
	other.Points = other.Points[:2]
	profiles["acme-leak"] = &other
	s := site(t, buses, devices, profiles)
	bindings, err := drivers.Bind(s, devices, profiles)
	if err != nil {
		t.Fatal(err)
	}
	if len(bindings) != 3 || len(bindings["plc"].Devices) != 1 || len(bindings["mq"].Devices) != 2 || len(bindings["idle"].Devices) != 0 {
		t.Fatalf("bindings are %+v", bindings)
	}
	for id, b := range bindings {
		if got := s.Point(b.Link).ID(); got != gateway.PointID("bus-"+id+"/link") {
			t.Errorf("the link of %s is %s", id, got)
		}
		for _, d := range b.Devices {
			for i, ref := range d.Points {
				if want := gateway.PointID(string(d.Facility) + "/" + d.Profile.Points[i].Name); s.Point(ref).ID() != want {
					t.Errorf("%s is bound to %s", want, s.Point(ref).ID())
				}
			}
		}
	}
	if got := s.Point(bindings["mq"].Devices[1].Link).ID(); got != "meter-1/link.2" {
		t.Errorf("the link of the second source is %s", got)
	}
	if f := drivers.LineFacility(buses[0]); f.ID != drivers.LineID("plc") || f.Class.Counted() || f.Name.ZH == "" || f.Name.EN == "" {
		t.Errorf("line is %+v", f)
	}

	bad := []drivers.Device{
		{Facility: "meter-1", Profile: "nobody", Bus: "plc"},
		{Facility: "meter-1", Profile: "acme-meter", Bus: "nowhere"},
		{Facility: "meter-9", Profile: "acme-leak", Bus: "mq"},
	}
	_, err = drivers.Bind(s, bad, profiles)
	for _, want := range []string{`profile "nobody"`, `bus "nowhere"`, "meter-9: the site has no point leak"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

// TestOpenReadsAProfileFromADevice goes from the profile to samples.
func TestOpenReadsAProfileFromADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registers := []uint16{0, 0x40A0, 0x5232, 0x0200, 1, 0, 1234, 0x8001}
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				request := make([]byte, 12)
				for {
					if _, err := io.ReadFull(theirs, request); err != nil {
						return
					}
					first, n := int(binary.BigEndian.Uint16(request[8:])), int(request[11])
					var data []byte
					for i := range n {
						if request[7] == 3 {
							data = binary.BigEndian.AppendUint16(data, registers[first+i])
						}
					}
					if request[7] == 1 {
						data = []byte{1}
					}
					reply := append([]byte{request[0], request[1], 0, 0, 0, byte(3 + len(data)), request[6], request[7], byte(len(data))}, data...)
					if _, err := theirs.Write(reply); err != nil {
						return
					}
				}
			}()
			return ours, nil
		}
		profiles := map[string]*drivers.Profile{"acme-meter": meter()}
		bus := drivers.Bus{ID: "plc", TCP: "plc:502"}
		devices := []drivers.Device{{Facility: "meter-1", Profile: "acme-meter", Bus: "plc", Unit: 7}}
		s := site(t, []drivers.Bus{bus}, devices, profiles)
		bindings, err := drivers.Bind(s, devices, profiles)
		if err != nil {
			t.Fatal(err)
		}
		source, err := drivers.Open(bus, bindings["plc"], drivers.Options{Log: slog.New(slog.DiscardHandler), Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[gateway.PointID]gateway.Sample)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := source.Run(ctx, func(batch []gateway.Sample) {
			for _, sample := range batch {
				got[s.Point(sample.Point).ID()] = sample
			}
		}); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[gateway.PointID]float64{
			"meter-1/flow": 5, "meter-1/signal": 50, "meter-1/fault": 1, "meter-1/door": 0, "meter-1/mode": 1,
			"meter-1/energy": 12.34, "meter-1/errors": 0x8001, "meter-1/link": 1, "bus-plc/link": 1,
		} {
			if sample := got[id]; sample.Quality != gateway.Good || sample.Value != want {
				t.Errorf("%s is %v, %s; want %v", id, sample.Value, sample.Quality, want)
			}
		}
		stats := source.Stats()
		if stats.MQTT != nil || stats.Modbus == nil || stats.Modbus.Units[0].Unit != 7 || stats.Modbus.Units[0].Requests["good"] == 0 {
			t.Errorf("stats are %+v", stats)
		}
	})
}

func TestOpenRefusesWhatDoesNotFit(t *testing.T) {
	tcp, broker := drivers.Bus{ID: "plc", TCP: "plc:502"}, drivers.Bus{ID: "mq", MQTT: "mqtt://broker:1883", ClientID: "gw"}
	bound := func(p *drivers.Profile, d drivers.Device) drivers.Binding {
		return drivers.Binding{Devices: []drivers.BoundDevice{{Device: d, Profile: p, Points: make([]gateway.PointRef, len(p.Points))}}}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	noCert := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := broker
	secure.MQTT = "mqtts://broker:8883"
	for name, tt := range map[string]struct {
		bus     drivers.Bus
		binding drivers.Binding
	}{
		"exactly one":      {drivers.Bus{ID: "b"}, drivers.Binding{}},
		"speaks mqtt":      {tcp, bound(sensor(), drivers.Device{})},
		"speaks modbus":    {broker, bound(meter(), drivers.Device{})},
		"unit 256":         {tcp, bound(meter(), drivers.Device{Unit: 256})},
		"password file":    {drivers.Bus{ID: "mq", MQTT: "mqtt://broker", ClientID: "gw", PasswordFile: missing}, drivers.Binding{}},
		"tls: open":        {func() drivers.Bus { b := secure; b.TLS.CA = missing; return b }(), drivers.Binding{}},
		"no certificate":   {func() drivers.Bus { b := secure; b.TLS.CA = noCert; return b }(), drivers.Binding{}},
		"point flow of pr": {tcp, bound(func() *drivers.Profile { p := meter(); p.Points[0].Order = "x"; return p }(), drivers.Device{})},
	} {
		if _, err := drivers.Open(tt.bus, tt.binding, drivers.Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
	}
	for _, tt := range []struct {
		bus     drivers.Bus
		binding drivers.Binding
	}{{tcp, bound(meter(), drivers.Device{})}, {broker, bound(sensor(), drivers.Device{Topic: "a/b"})}} {
		if s, err := drivers.Open(tt.bus, tt.binding, drivers.Options{}); err != nil || (s.Stats().Modbus == nil) == (s.Stats().MQTT == nil) {
			t.Errorf("bus %s: %v", tt.bus.ID, err)
		}
	}
}
