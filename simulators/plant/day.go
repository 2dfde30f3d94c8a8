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

// The first day of a plant is a first of January, and a Thursday.
const (
	daysOfYear = 365.0
	coldest    = 20.0 // the day of the year
	saturday   = 2    // the first one
)

// summer is 1 at the height of summer and -1 in the depth of winter.
func summer(now time.Duration) float64 {
	return -math.Cos(2 * math.Pi * (now.Hours()/24 - coldest) / daysOfYear)
}

// cooling and heating are how much of the most is wanted: none in spring and
// autumn.
func cooling(now time.Duration) float64 { return max(0, summer(now)) }
func heating(now time.Duration) float64 { return max(0, -summer(now)) }

// weekend reports whether nobody goes to work.
func weekend(now time.Duration) bool {
	d := int(now/(24*time.Hour)) % 7
	return d == saturday || d == saturday+1
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
// one in the evening. At the weekend people get up later.
func household(now time.Duration) float64 {
	h := hour(now)
	if weekend(now) {
		h -= 1.5 * peak(h, 8, 3)
	}
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
