package app

import (
	"fmt"
	"slices"
	"strings"
)

// Role is a part of the program that can run by itself.
type Role string

// The roles.
const (
	Ingest  Role = "ingest"
	Vision  Role = "vision"
	Alerts  Role = "alerts"
	Clips   Role = "clips"
	Console Role = "console"
)

var allRoles = []Role{Ingest, Vision, Alerts, Clips, Console}

// ParseRoles reads names such as "ingest,console"; none mean all.
func ParseRoles(names []string) ([]Role, error) {
	var roles []Role
	for _, name := range names {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(allRoles, role) {
			return nil, fmt.Errorf("role %q: want %s, %s, %s, %s or %s", name, Ingest, Vision, Alerts, Clips, Console)
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		return slices.Clone(allRoles), nil
	}
	return roles, nil
}

func (a *App) has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(a.roles, r) })
}
