package web

import (
	"net/http"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// facilityJSON is a facility as the API tells it. Heard is the time of the
// newest sample with a value, null if none has come since the gateway started.
type facilityJSON struct {
	ID          gateway.FacilityID   `json:"id"`
	Class       gateway.Class        `json:"class"`
	Name        gateway.Text         `json:"name"`
	Building    string               `json:"building"`
	Place       string               `json:"place"`
	Criticality gateway.Criticality  `json:"criticality"`
	State       string               `json:"state"`
	Since       *time.Time           `json:"since"`
	Heard       *time.Time           `json:"heard"`
	Lines       []gateway.FacilityID `json:"lines,omitempty"`
}

// pointJSON is a point with its newest value. Value is null whenever Quality is
// bad; Reason then says why.
type pointJSON struct {
	Facility gateway.FacilityID `json:"facility"`
	Name     string             `json:"name"`
	Title    gateway.Text       `json:"title"`
	Role     string             `json:"role,omitempty"`
	Kind     string             `json:"kind"`
	Value    *float64           `json:"value"`
	Unit     string             `json:"unit"`
	State    string             `json:"state,omitempty"` // of an enum: the state Value stands for
	Quality  string             `json:"quality"`
	Reason   string             `json:"reason"`
	Time     *time.Time         `json:"time"`
	// Text is the value as people read it, with its unit, and QualityText its
	// quality; only in the live stream, in the language asked for.
	Text        string `json:"text,omitempty"`
	QualityText string `json:"quality_text,omitempty"`
}

// listFacilities answers in the order of the site file, which does not change
// while the gateway runs: the place in it serves as cursor.
func (s *server) listFacilities(r *http.Request) (any, error) {
	w, err := windowOf(r)
	if err != nil {
		return nil, err
	}
	snap := s.desk.Snapshot()
	return slice(w, snap.Site.Facilities(), func(i int, _ gateway.Facility) facilityJSON {
		return viewFacility(snap, i)
	}), nil
}

func (s *server) getFacility(r *http.Request) (any, error) {
	snap := s.desk.Snapshot()
	i, err := facilityIndex(snap.Site, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return viewFacility(snap, i), nil
}

// listPoints answers the points of one facility, or of all.
func (s *server) listPoints(r *http.Request) (any, error) {
	w, err := windowOf(r)
	if err != nil {
		return nil, err
	}
	snap := s.desk.Snapshot()
	values := snap.Values
	if id := r.URL.Query().Get("facility"); id != "" {
		i, err := facilityIndex(snap.Site, id)
		if err != nil {
			return nil, err
		}
		first, end := snap.Site.PointsOf(i)
		values = snap.Values[first:end]
	}
	return slice(w, values, func(_ int, v gateway.Sample) pointJSON { return viewPoint(snap.Site, v) }), nil
}

// facilityIndex returns the place of a facility in the site, or a problem that
// clients can read.
func facilityIndex(site *gateway.Site, id string) (int, error) {
	i := site.FacilityIndex(gateway.FacilityID(id))
	if i < 0 {
		return 0, newProblem(http.StatusNotFound, "facility_not_found", "there is no facility "+id, "GET /api/v1/facilities lists them")
	}
	return i, nil
}

func viewFacility(snap *pipeline.Snapshot, i int) facilityJSON {
	f, state, loc := snap.Site.Facilities()[i], snap.Facilities[i], snap.Site.Location
	return facilityJSON{
		ID: f.ID, Class: f.Class, Name: f.Name, Building: f.Building, Place: f.Place, Criticality: f.Criticality,
		State: state.Class.String(), Since: when(state.Since, loc), Heard: when(state.Heard, loc), Lines: f.Lines,
	}
}

// viewPoint tells the sample v. Whoever reads the number alone still cannot take
// a bad one for a value.
func viewPoint(site *gateway.Site, v gateway.Sample) pointJSON {
	p, v := site.Point(v.Point), honest(v)
	j := pointJSON{
		Facility: p.Facility, Name: p.Name, Title: p.Text, Role: p.Role, Kind: p.Kind.String(), Unit: p.Unit,
		Quality: v.Quality.Status(), Reason: v.Quality.Reason(), Time: when(v.At, site.Location),
	}
	if !v.Quality.HasValue() {
		return j
	}
	j.Value = number(v.Value)
	if p.Kind == gateway.Enum {
		j.State = p.States[int64(v.Value)].Name
	}
	return j
}

// honest returns v, as a bad sample if it claims to carry a value but the value
// is no finite number.
func honest(v gateway.Sample) gateway.Sample {
	if v.Quality.HasValue() && number(v.Value) == nil {
		v.Quality = gateway.BadDecode
	}
	return v
}
