package web

import (
	"strconv"

	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// ratesView is the intact rate of today and of this month: over all, and by
// class and building.
type ratesView struct {
	Today, Month rateView
	Rows         []rateRow
	Reports      []string // months whose reports there may be, such as 2026-11: this one and the one before
}

// rateRow is one class or one building.
type rateRow struct {
	Heading      string // over the first row of its kind
	Name         string
	Facilities   int
	Today, Month rateView
	Fine         bool // on target with enough data: a phone may leave it out
}

// rateView is one rate. A rate without data says so and is neither good nor bad.
type rateView struct {
	Label   string
	Text    string // "98.61%", or that there are no data
	State   string // pass, fail or none, and thin
	Verdict string
	Bar     string // 0 to 100: where the rate lies between 90 and 100 %
}

// ratesOf makes the table: first the classes, then the buildings, each in the
// order of the site file.
func ratesOf(snap *pipeline.Snapshot, w words) ratesView {
	month := intact.MonthStart(snap.At, snap.Site.Location)
	v := ratesView{Reports: []string{
		month.In(snap.Site.Location).Format("2006-01"),
		(month - 1).In(snap.Site.Location).Format("2006-01"),
	}}
	kinds := []struct {
		heading string
		by      intact.Grouping
	}{
		{w.T("rate.class"), intact.ByClass},
		{w.T("rate.building"), intact.ByBuilding},
	}
	for n, kind := range kinds {
		today, allToday := intact.Groups(snap.Site, snap.Today, kind.by)
		month, allMonth := intact.Groups(snap.Site, snap.Month, kind.by)
		if n == 0 {
			v.Today, v.Month = rateOf(allToday.Tally, w), rateOf(allMonth.Tally, w)
			v.Today.Label, v.Month.Label = w.T("rate.today"), w.T("rate.month")
		}
		for i := range today {
			row := rateRow{
				Name: today[i].Name.In(w.lang), Facilities: today[i].Facilities,
				Today: rateOf(today[i].Tally, w), Month: rateOf(month[i].Tally, w),
			}
			if n == 1 {
				row.Name = buildingName(today[i].Key, w)
			}
			if i == 0 {
				row.Heading = kind.heading
			}
			row.Fine = row.Today.State == "pass" && row.Month.State == "pass"
			v.Rows = append(v.Rows, row)
		}
	}
	return v
}

// rateOf judges by the exact integers, never by the number that is shown.
func rateOf(t intact.Tally, w words) rateView {
	if t.Required() == 0 {
		return rateView{Text: w.T("rate.none"), State: "none", Verdict: w.T("rate.none"), Bar: "0"}
	}
	v := rateView{Text: t.Percent() + "%", State: "fail", Verdict: w.T("rate.fail"), Bar: barOf(t)}
	if t.Pass(intact.Target) {
		v.State, v.Verdict = "pass", w.T("rate.pass")
	}
	if !t.Sufficient() {
		v.State += " thin"
		v.Verdict = w.T("rate.thin")
	}
	return v
}

// barOf maps 90 to 100 % onto 0 to 100: between 0 and 90 there is nothing left
// to tell apart.
func barOf(t intact.Tally) string {
	up := 1 - float64(t.Down)/float64(t.Required())
	return strconv.FormatFloat(max(0, (up-0.9)*1000), 'f', 1, 64)
}
