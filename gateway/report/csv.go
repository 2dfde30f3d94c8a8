package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/intact-gateway/intact/gateway"
)

// WriteCSV writes one line for each facility, for a spreadsheet. The mark ahead of
// it tells Excel that it is UTF-8. Times are in milliseconds, so that the rate can
// be worked out again: 1 - down/required.
func (r *Report) WriteCSV(w io.Writer, l gateway.Language) error {
	const utf8Mark = "\ufeff"
	in := words(l)
	out := csv.NewWriter(w)
	out.UseCRLF = true
	rows := [][]string{{
		utf8Mark + "id", in.T("facility"), in.T("rate") + " %", in.T("required") + " ms", in.T("down") + " ms", in.T("unknown") + " ms",
		in.T("faults"), in.T("mttr") + " ms", in.T("mtbf") + " ms", in.T("coverage") + " %",
	}}
	for _, f := range r.Facilities {
		rows = append(rows, []string{
			f.Key, in.nameOf(f), orEmpty(f.Percent), number(&f.Required), number(&f.Down), number(&f.Unknown),
			number(&f.Faults), number(f.MTTR), number(f.MTBF), orEmpty(f.Coverage),
		})
	}
	return out.WriteAll(rows)
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
