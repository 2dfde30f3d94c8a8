package notify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/gateway"
)

// Expect is what the JSON of an answer must hold to mean that a message was
// taken: paths, such as "code" or "data.0.status", and their values as text.
type Expect map[string]string

func (e Expect) validate(report gateway.Report) {
	for path := range e {
		if path == "" {
			report("expect", "an expectation has no path", "such as expect: {errcode: 0}")
		}
	}
}

// check returns a Refusal if the answer, whose status is 2xx, says otherwise.
func (e Expect) check(a answer) error {
	for _, path := range slices.Sorted(maps.Keys(e)) {
		if got := gjson.GetBytes(a.body, path); !gjson.ValidBytes(a.body) || !got.Exists() || got.String() != e[path] {
			return &Refusal{Status: a.status, Body: beginning(a.body), After: a.after, Mend: gateway.Text{
				ZH: fmt.Sprintf("应答中 %s 应为 %s，见 expect", path, e[path]),
				EN: fmt.Sprintf("expected %s to be %s in the answer", path, e[path]),
			}}
		}
	}
	return nil
}
