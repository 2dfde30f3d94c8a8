package gateway

// Report takes one mistake of a configuration while it is being checked.
//
// A part that owns a piece of configuration checks it whole and reports every
// mistake instead of stopping at the first. Path leads to the offending key in
// the form "buses.b1.baud" or "facilities[3].unit", relative to the piece
// being checked; problem says what is wrong, hint how to mend it ("" if there
// is nothing to add). The loader turns the path into file, line and column.
type Report func(path, problem, hint string)

// At returns a Report whose paths are relative to prefix.
func (r Report) At(prefix string) Report {
	return func(path, problem, hint string) { r(JoinPath(prefix, path), problem, hint) }
}

// JoinPath appends the path rest to prefix: a dot is put between them unless
// one of them is empty or rest is an index such as "[3]".
func JoinPath(prefix, rest string) string {
	if prefix == "" || rest == "" || rest[0] == '[' {
		return prefix + rest
	}
	return prefix + "." + rest
}
