package plant

import "time"

// ambient is a battery-powered sensor in a room. What a kind of sensor does not
// measure it does not answer.
type ambient struct {
	base
	climate     bool // measures humidity
	temperature float64
	humidity    float64
	battery     float64
	warm, damp  wobble
}

// newRoom returns a sensor for temperature, humidity and water on the floor.
func newRoom(b base) machine {
	return &ambient{base: b, climate: true, temperature: b.set["temperature"], humidity: 50, battery: 70 + float64(b.rng.IntN(30))}
}

// newLeakSensor returns a sensor for water on the floor, which also tells its own
// temperature.
func newLeakSensor(b base) machine {
	return &ambient{base: b, temperature: b.set["temperature"], battery: 70 + float64(b.rng.IntN(30))}
}

// step lets the room follow the day and the year. Walls make it slow, so a fault shows within
// minutes, not at once.
func (a *ambient) step(now time.Duration) {
	temperature := a.set["temperature"] + 3*summer(now) + 1.5*peak(hour(now), 15, 4) + a.warm.step(a.rng, 0.3, 900)
	if a.on("hot") {
		temperature += 24
	}
	humidity := 52 + 12*cooling(now) + a.damp.step(a.rng, 4, 1800)
	if a.on("humid") {
		humidity = 95
	}
	a.temperature = toward(a.temperature, temperature, 0.05*dt)
	a.humidity = toward(a.humidity, humidity, 0.1*dt)
	a.battery = max(0, a.battery-0.05/24*dtHours) // four years and more
}

func (a *ambient) Value(role string) (float64, bool) {
	switch role {
	case "temperature":
		return a.temperature, true
	case "humidity":
		return a.humidity, a.climate
	case "leak", "flood":
		return truth(a.on("leak")), true
	case "battery":
		if a.on("low_battery") {
			return min(a.battery, 9), true
		}
		return a.battery, true
	}
	return 0, false
}
