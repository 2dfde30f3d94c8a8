package web

import "github.com/intact-gateway/intact/gateway/access"

// Least returns the least role of every route that there is with o.
func Least(o Options) map[string]access.Role {
	least := make(map[string]access.Role)
	for _, r := range (&server{o: o}).routes() {
		least[r.pattern] = r.least
	}
	return least
}
