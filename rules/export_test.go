package rules

// Truth returns whether the condition of the first level of an instance holds.
func (e *Engine) Truth(ref Ref) Truth {
	return e.steps[e.instances[ref].first].when.eval(e.truth)
}

// Only returns whether an instance is at work.
func (e *Engine) Only(ref Ref) bool { return e.instances[ref].only.eval(e.truth) == True }
