// Package archtest holds the import table: who may import whom. Its test reads the sources themselves, so that no
// test cache can hide a change. It imports nothing of ours.
package archtest

// Table lists, for each package, which of our packages its non-test files may import. Data flows down, imports point
// up: parents never import children, siblings never each other. ARCHITECTURE.md explains the rooms.
var Table = map[string][]string{
	"frames":               {},
	"frames/framestest":    {"frames"},
	"frames/jetstream":     {"frames", "internal/ordered"},
	"ingest":               {"frames"},
	"ingest/rtsp":          {"frames", "ingest"},
	"ingest/whip":          {"frames", "ingest"},
	"models":               {},
	"vision":               {"frames"},
	"vision/decode":        {"frames", "vision"},
	"vision/onnx":          {"models"},
	"vision/opencv":        {"models", "vision"},
	"vision/still":         {},
	"alerts":               {"frames", "vision"},
	"alerts/alertstest":    {"alerts", "vision"},
	"alerts/jetstream":     {"alerts", "alerts/webhook", "frames", "internal/bus", "vision"},
	"alerts/mqtt":          {"alerts", "frames", "vision"},
	"alerts/mqtt/mqtttest": {},
	"alerts/webhook":       {"alerts"},
	"clips":                {"alerts", "frames"},
	"clips/clipstest":      {"clips"},
	"clips/retention":      {"clips"},
	"clips/mp4":            {"frames"},
	"clips/s3":             {"clips"},
	"web":                  {},

	"internal/archtest":           {},
	"internal/audit":              {"internal/bus", "internal/ordered"},
	"internal/bus":                {"internal/ordered"},
	"internal/child":              {},
	"internal/client":             {"alerts", "frames", "internal/audit", "internal/web", "vision"},
	"internal/config":             {},
	"internal/doctor":             {"alerts/mqtt", "alerts/webhook", "clips", "clips/s3", "frames", "ingest", "internal/bus", "models"},
	"internal/faultproxy":         {},
	"internal/lease":              {},
	"internal/mediatest":          {"alerts", "clips/mp4", "frames", "ingest/rtsp"},
	"internal/mediatest/play":     {"internal/mediatest"},
	"internal/mediatest/portrait": {"internal/mediatest"},
	"internal/natsd":              {},
	"internal/natsd/natsdtest":    {"internal/natsd"},
	"internal/objectd":            {},
	"internal/onvif":              {},
	"internal/onvif/onviftest":    {},
	"internal/ordered":            {},
	"internal/people":             {"vision"},
	"internal/whep":               {"frames"},
	"internal/web":                {"alerts", "clips", "clips/retention", "frames", "internal/audit", "vision", "web"},
}

// Anything lists the packages that may import all of ours: the wiring, the command, and what tries the whole.
var Anything = []string{"internal/app", "internal/e2e", "cmd/vigil", "internal/mediatest/gen", "bench", "bench/accuracy", "bench/chaos", "bench/soak"}

// Seams names the packages that alone may import a library: behind them lies code that is not Go.
var Seams = map[string][]string{
	"gocv.io/x/gocv":                  {"vision/opencv"},
	"github.com/yalue/onnxruntime_go": {"vision/onnx"},
	"C":                               {"vision/decode", "vision/opencv", "vision/still"},
}
