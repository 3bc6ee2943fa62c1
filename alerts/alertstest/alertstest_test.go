package alertstest_test

import (
	"testing"

	"vigil/alerts"
	"vigil/alerts/alertstest"
)

func TestStoreInMemory(t *testing.T) {
	alertstest.TestStore(t, func(*testing.T) alerts.Store { return &alertstest.Store{} })
}
