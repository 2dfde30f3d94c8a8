package rules

import "github.com/intact-gateway/intact/gateway"

// Inputs returns the points that each rule instance looks at, by Ref, in the
// order of the points: of what is computed for the rule those that it is made from.
func (e *Engine) Inputs() [][]gateway.PointRef {
	inputs := make([][]gateway.PointRef, len(e.instances))
	for point, refs := range e.readers {
		for _, ref := range refs {
			inputs[ref] = append(inputs[ref], gateway.PointRef(point))
		}
	}
	return inputs
}
