package configs

import (
	"fmt"

	"github.com/intact-gateway/intact/drivers"
)

// FullLoad is the share of its time that a line may be busy while all is well.
// The rest is for second tries and for devices that do not answer.
const FullLoad = 0.8

// LoadHint says what helps against too much load.
const LoadHint = "read less often with every or the profile's periods, raise the baud rate, or divide the devices over two lines"

// BusLoad is what the requests on one Modbus bus cost.
type BusLoad struct {
	Bus drivers.Bus
	drivers.Load
}

// Loads returns what each Modbus bus costs, in the order of the site file. The
// error is of a configuration that cannot be opened, which Load never returns.
func (c *Config) Loads() ([]BusLoad, error) {
	bindings, err := drivers.Bind(c.Site, c.Devices, c.Profiles)
	if err != nil {
		return nil, err
	}
	var loads []BusLoad
	for _, b := range c.Buses {
		if b.Protocol() != drivers.Modbus {
			continue
		}
		load, err := drivers.LoadOf(b, bindings[b.ID])
		if err != nil {
			return nil, fmt.Errorf("bus %s: %w", b.ID, err)
		}
		loads = append(loads, BusLoad{b, load})
	}
	return loads, nil
}

// Full reports whether the bus has more to do than it should have.
func (l *BusLoad) Full() bool { return l.Share > FullLoad }

// Certain reports whether the load is that of a serial line whose speed is
// given, and not one with an assumed speed or round trip.
func (l *BusLoad) Certain() bool {
	return l.Bus.Kind() == "rtu" || l.Bus.Kind() == "rtu_over_tcp" && l.Bus.Baud != 0
}

// checkLoads refuses serial lines that cannot keep up, and warns of others that
// most likely cannot.
func (l *loader) checkLoads(c *Config) {
	loads, err := c.Loads()
	if err != nil {
		l.site.Report("buses", err.Error(), "")
		return
	}
	for _, load := range loads {
		if !load.Full() {
			continue
		}
		message := fmt.Sprintf("what is read through bus %s takes %.0f %% of its time, more than %.0f %%", load.Bus.ID, 100*load.Share, 100*FullLoad)
		if b := l.buses[load.Bus.ID]; load.Certain() {
			b.report("", message, LoadHint)
		} else {
			l.warn(b.doc, b.path, message, LoadHint)
		}
	}
}
