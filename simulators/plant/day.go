package plant

import (
	"math"
	"math/rand/v2"
	"time"
)

// hour returns the time of day of now in hours, 0 up to 24.
func hour(now time.Duration) float64 {
	return math.Mod(now.Hours(), 24)
}

// peak is a bell over the day: 1 at centre, about 0.6 one width away, all in
// hours. It runs on over midnight.
func peak(h, centre, width float64) float64 {
	d := math.Abs(h - centre)
	d = min(d, 24-d) / width
	return math.Exp(-d * d / 2)
}

// household is how much of the highest demand for water or gas a building of
// flats draws over the day: little at night, a peak in the morning, a broader
// one in the evening.
func household(h float64) float64 {
	return 0.02 + 0.75*peak(h, 7.3, 0.9) + 0.25*peak(h, 12.5, 1.4) + 0.8*peak(h, 19.7, 1.7)
}

// wobble is noise with a memory: it wanders around 0.
type wobble float64

// step draws the next value: sigma is the size of the noise, tau its memory in
// seconds. It stays within three sigma, as sensors of a healthy plant do.
func (w *wobble) step(rng *rand.Rand, sigma, tau float64) float64 {
	a := min(dt/tau, 1)
	v := float64(*w)*(1-a) + sigma*math.Sqrt(2*a)*rng.NormFloat64()
	v = max(-3*sigma, min(3*sigma, v))
	*w = wobble(v)
	return v
}

// toward moves v to target by at most most.
func toward(v, target, most float64) float64 {
	return v + max(-most, min(most, target-v))
}

// truth returns 1 for true and 0 for false.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
