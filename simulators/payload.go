package simulators

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators/modbus"
	"github.com/intact-gateway/intact/simulators/plant"
)

// checkPayload returns why the points of a profile cannot be published.
func checkPayload(p *drivers.Profile) error {
	for _, pt := range p.Points {
		if pt.Path == "" {
			return fmt.Errorf("profile %s: point %s has no path", p.Name, pt.Name)
		}
		if pt.Unit == "" {
			continue
		}
		if _, err := gateway.ConvertUnit(0, plant.UnitOf(pt.Role), pt.Unit); err != nil {
			return fmt.Errorf("profile %s: point %s: %w", p.Name, pt.Name, err)
		}
	}
	return nil
}

// payload returns the JSON object that a device of the profile publishes. What
// the device does not have is left out.
func payload(p *drivers.Profile, v modbus.Values) map[string]any {
	root := make(map[string]any)
	for _, pt := range p.Points {
		role := pt.Role
		if role == "" {
			role = "." + pt.Name
		}
		value, ok := v.Value(role)
		if !ok || math.IsNaN(value) || math.IsInf(value, 0) {
			continue
		}
		put(root, strings.Split(pt.Path, "."), jsonValue(pt, value))
	}
	return root
}

// jsonValue undoes what the profile says is done to the number in the message.
func jsonValue(pt drivers.Point, value float64) any {
	if pt.Unit != "" {
		// checkPayload has found that the units fit.
		value, _ = gateway.ConvertUnit(value, plant.UnitOf(pt.Role), pt.Unit)
	}
	if pt.Invert {
		value = 1 - value
	}
	if pt.Kind == gateway.Discrete.String() {
		return value != 0
	}
	value -= pt.Offset
	if pt.Scale != nil {
		value /= *pt.Scale
	}
	return math.Round(value*1000) / 1000 // no sensor sends seventeen digits
}

// put places v under a path. A number in a path is a place in a list.
func put(node any, path []string, v any) any {
	if len(path) == 0 {
		return v
	}
	if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 {
		list, _ := node.([]any)
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = put(list[i], path[1:], v)
		return list
	}
	object, ok := node.(map[string]any)
	if !ok {
		object = make(map[string]any)
	}
	object[path[0]] = put(object[path[0]], path[1:], v)
	return object
}
