package web

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"vigil/frames"
)

// operation is one of the description.
type operation struct {
	ID        string                    `json:"operationId"`
	Summary   string                    `json:"summary"`
	Least     string                    `json:"x-least-role"`
	Responses map[string]map[string]any `json:"responses"`
	Body      map[string]any            `json:"requestBody"`
}

// described reads the description: the document, and its operations by pattern.
func described(t *testing.T) (document any, operations map[string]operation) {
	t.Helper()
	text, err := yaml.YAMLToJSON(Description)
	if err != nil {
		t.Fatal(err)
	}
	if document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	var shape struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal(text, &shape); err != nil {
		t.Fatal(err)
	}
	operations = map[string]operation{}
	for path, methods := range shape.Paths {
		for method, o := range methods {
			operations[strings.ToUpper(method)+" "+path] = o
		}
	}
	return document, operations
}

// pathOf is a pattern of net/http as the description has it.
func pathOf(pattern string) string { return strings.ReplaceAll(pattern, "...}", "}") }

func TestDescriptionHasEveryRoute(t *testing.T) {
	_, operations := described(t)
	ids := map[string]bool{}
	for _, r := range New(Config{}).routes() {
		o, ok := operations[pathOf(r.pattern)]
		if !ok {
			t.Errorf("%s is not in the description", r.pattern)
		}
		if o.Least != r.least.String() || ids[o.ID] || o.ID == "" {
			t.Errorf("%s: described as %q for %q, want a name of its own and %q", r.pattern, o.ID, o.Least, r.least)
		}
		ids[o.ID] = true
		delete(operations, pathOf(r.pattern))
	}
	for pattern := range operations {
		t.Errorf("%s is described, and not answered", pattern)
	}
}

// validator compiles schemas of the description. Fields that the description lacks are errors here, though clients have
// to pass over them.
type validator struct{ compiler *jsonschema.Compiler }

func newValidator(t *testing.T) validator {
	t.Helper()
	document, _ := described(t)
	components := document.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	for _, schema := range components {
		if s := schema.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("api.json", document); err != nil {
		t.Fatal(err)
	}
	return validator{c}
}

// pointer names a place in the description (RFC 6901).
func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for i := range parts {
		parts[i] = escape.Replace(parts[i])
	}
	return "api.json#/" + strings.Join(parts, "/")
}

func (v validator) check(t *testing.T, body string, at string) {
	t.Helper()
	schema, err := v.compiler.Compile(at)
	if err != nil {
		t.Errorf("schema: %v", err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s: %v", body, err)
	}
}

func TestEverySchemaCompiles(t *testing.T) {
	document, _ := described(t)
	v := newValidator(t)
	for name := range document.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := v.compiler.Compile(pointer("components", "schemas", name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// request is one that the route answers well.
type request struct {
	path   string
	body   string
	kind   string // of the body; JSON when empty
	status int
}

// examples are requests by pattern, of the house.
func examples(t *testing.T) map[string]request {
	t.Helper()
	photo, kind := form(t, "1.jpg", "somebody")
	all := maps.Clone(exampleRequests)
	for pattern, r := range all {
		if r.body == "photos" {
			data, err := io.ReadAll(photo)
			if err != nil {
				t.Fatal(err)
			}
			photo = bytes.NewReader(data)
			r.body, r.kind = string(data), kind
			all[pattern] = r
		}
	}
	return all
}

var exampleRequests = map[string]request{
	"GET /healthz":                                {"/healthz", "", "", 200},
	"GET /readyz":                                 {"/readyz", "", "", 200},
	"GET /metrics":                                {"/metrics", "", "", 200},
	"GET /media/{key...}":                         {"/media/" + clipKey, "", "", 200},
	"GET /api/v1/openapi.json":                    {"/api/v1/openapi.json", "", "", 200},
	"POST /api/v1/session":                        {"/api/v1/session", `{"token":"TOKEN"}`, "", 200},
	"GET /api/v1/session":                         {"/api/v1/session", "", "", 200},
	"DELETE /api/v1/session":                      {"/api/v1/session", "", "", 204},
	"GET /api/v1/tokens":                          {"/api/v1/tokens", "", "", 200},
	"POST /api/v1/tokens":                         {"/api/v1/tokens", `{"name":"tablet","role":"viewer"}`, "", 201},
	"DELETE /api/v1/tokens/{id}":                  {"/api/v1/tokens/old", "", "", 204},
	"GET /api/v1/system":                          {"/api/v1/system", "", "", 200},
	"GET /api/v1/config":                          {"/api/v1/config", "", "", 200},
	"GET /api/v1/audit":                           {"/api/v1/audit?limit=1", "", "", 200},
	"GET /api/v1/audit/check":                     {"/api/v1/audit/check", "", "", 200},
	"GET /api/v1/retention":                       {"/api/v1/retention", "", "", 200},
	"POST /api/v1/cameras":                        {"/api/v1/cameras", `{"id":"shed"}`, "", 201},
	"DELETE /api/v1/cameras/{id}":                 {"/api/v1/cameras/yard", "", "", 204},
	"POST /api/v1/cameras/{id}/whep":              {"/api/v1/cameras/door/whep", "offer", "application/sdp", 201},
	"DELETE /api/v1/cameras/{id}/whep/{session}":  {"/api/v1/cameras/door/whep/one", "", "", 204},
	"GET /api/v1/rules":                           {"/api/v1/rules", "", "", 200},
	"GET /api/v1/clips/key":                       {"/api/v1/clips/key", "", "", 200},
	"GET /api/v1/cameras":                         {"/api/v1/cameras", "", "", 200},
	"GET /api/v1/alerts":                          {"/api/v1/alerts?limit=1&state=new&camera=door", "", "", 200},
	"GET /api/v1/alerts/{id}":                     {"/api/v1/alerts/01J", "", "", 200},
	"GET /api/v1/alerts/{id}/explanation":         {"/api/v1/alerts/01J/explanation", "", "", 200},
	"GET /api/v1/cameras/{id}/faces":              {"/api/v1/cameras/door/faces", "", "", 200},
	"POST /api/v1/drill":                          {"/api/v1/drill", "", "", 200},
	"GET /api/v1/cameras/{id}/snapshot":           {"/api/v1/cameras/door/snapshot", "", "", 200},
	"POST /api/v1/cameras/test":                   {"/api/v1/cameras/test", `{"url":"rtsp://10.0.0.5/1"}`, "", 200},
	"GET /api/v1/alerts/{id}/similar":             {"/api/v1/alerts/01J/similar", "", "", 200},
	"POST /api/v1/search":                         {"/api/v1/search?camera=door", "photos", "", 200},
	"GET /api/v1/alerts/{id}/boxes":               {"/api/v1/alerts/01J/boxes", "", "", 200},
	"PUT /api/v1/alerts/{id}/review":              {"/api/v1/alerts/01J/review", `{"state":"seen"}`, "", 200},
	"POST /api/v1/alerts/{id}/notes":              {"/api/v1/alerts/01J/notes", `{"text":"the <postman>"}`, "", 201},
	"GET /api/v1/alerts/{id}/export":              {"/api/v1/alerts/01J/export", "", "", 200},
	"POST /api/v1/alerts/{id}/share":              {"/api/v1/alerts/01J/share", `{"hours":24}`, "", 201},
	"GET /api/v1/shared/{id}":                     {"SHARED", "", "", 200},
	"POST /api/v1/alerts/{id}/name":               {"/api/v1/alerts/01J/name", `{"person":"Ann","also":["02J"],"force":true}`, "", 200},
	"POST /api/v1/alerts/{id}/ignore":             {"/api/v1/alerts/01J/ignore", `{}`, "", 200},
	"POST /api/v1/alerts/{id}/undo":               {"/api/v1/alerts/01J/undo", "", "", 200},
	"GET /api/v1/strangers":                       {"/api/v1/strangers", "", "", 200},
	"GET /api/v1/people/health":                   {"/api/v1/people/health", "", "", 200},
	"GET /api/v1/people/{name}/photos/{photo}":    {"/api/v1/people/Resident/photos/5a", "", "", 200},
	"DELETE /api/v1/people/{name}/photos/{photo}": {"/api/v1/people/Resident/photos/5a", "", "", 204},
	"GET /api/v1/explain":                         {"/api/v1/explain?id=door/e1/90-1", "", "", 200},
	"GET /api/v1/events":                          {"/api/v1/events", "", "", 200},
	"GET /api/v1/people":                          {"/api/v1/people", "", "", 200},
	"GET /api/v1/people/calibration":              {"/api/v1/people/calibration", "", "", 200},
	"POST /api/v1/people/{name}":                  {"/api/v1/people/Ann", "photos", "", 200},
	"DELETE /api/v1/people/{name}":                {"/api/v1/people/Resident", "", "", 200},
	"GET /api/v1/endpoints":                       {"/api/v1/endpoints", "", "", 200},
	"GET /api/v1/endpoints/{id}/deliveries":       {"/api/v1/endpoints/home/deliveries", "", "", 200},
	"POST /api/v1/endpoints/{id}/test":            {"/api/v1/endpoints/home/test", "", "", 200},
	"POST /api/v1/endpoints/{id}/enable":          {"/api/v1/endpoints/home/enable", "", "", 204},
	"POST /api/v1/endpoints/{id}/replay":          {"/api/v1/endpoints/home/replay", "", "", 200},
	"GET /api/v1/dlq":                             {"/api/v1/dlq", "", "", 200},
	"GET /api/v1/dlq/{id}":                        {"/api/v1/dlq/7", "", "", 200},
	"POST /api/v1/dlq/{id}/replay":                {"/api/v1/dlq/7/replay", "", "", 204},
}

// sharedPath is where a shared link of the house opens the alert.
func sharedPath(until time.Time) string {
	_, path := houseLinks().share("01J", until)
	return "/api/v1/shared/" + path
}

// furnish puts into the house what the examples ask for.
func (h *house) furnish() {
	h.tokens["old"] = KeptToken{Token: Token{ID: "old", Name: "old", Role: Viewer, Cameras: []frames.CameraID{}}}
	h.people["Resident"] = PersonView{Name: "Resident", Source: "enrolled", Photos: []PhotoView{{File: "1.jpg", Used: true}}}
	h.dead["7"] = DeadView{ID: "7", Stream: "OUTBOX", Body: "{}"}
}

// ask sends the example for the pattern. Of a stream that does not end the beginning is the answer.
func ask(t *testing.T, method, server, token string, r request) (*http.Response, string) {
	t.Helper()
	r.path = strings.Replace(r.path, "SHARED", sharedPath(time.Now().Add(time.Hour)), 1)
	in, err := http.NewRequestWithContext(t.Context(), method, server+r.path, strings.NewReader(strings.ReplaceAll(r.body, "TOKEN", token)))
	if err != nil {
		t.Fatal(err)
	}
	in.Header.Set("Content-Type", r.kind)
	if token != "" {
		in.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(in)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.Header.Get("Content-Type") == "text/event-stream" {
		return response, ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestAnswersAreAsDescribed(t *testing.T) {
	_, operations := described(t)
	v, all := newValidator(t), examples(t)
	for _, r := range New(Config{}).routes() {
		t.Run(r.pattern, func(t *testing.T) {
			h, server, _, token := start(t)
			h.furnish()
			example, ok := all[r.pattern]
			if !ok {
				t.Fatal("no example asks for it")
			}
			method, path, _ := strings.Cut(pathOf(r.pattern), " ")
			response, text := ask(t, method, server.URL, token, example)
			if response.StatusCode != example.status {
				t.Fatalf("got %d %s, want %d", response.StatusCode, text, example.status)
			}
			answer, ok := operations[method+" "+path].Responses[response.Status[:3]]
			if !ok {
				t.Fatalf("%d is not described", response.StatusCode)
			}
			content, _ := answer["content"].(map[string]any)
			kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
			if content[kind] == nil && (len(content) > 0 || text != "") {
				t.Fatalf("got %q, described are %v", kind, slices.Collect(maps.Keys(content)))
			}
			if kind == "application/json" {
				v.check(t, text, pointer("paths", path, strings.ToLower(method), "responses", response.Status[:3], "content", kind, "schema"))
			}
			if kind, body := bodyOf(operations[method+" "+path]), example.body; kind == "application/json" {
				v.check(t, body, pointer("paths", path, strings.ToLower(method), "requestBody", "content", kind, "schema"))
			}
		})
	}
}

func bodyOf(o operation) (kind string) {
	content, _ := o.Body["content"].(map[string]any)
	for kind = range content {
	}
	return kind
}

// TestProblemsAreAsDescribed tries what no route does well.
func TestProblemsAreAsDescribed(t *testing.T) {
	_, server, _, token := start(t)
	v := newValidator(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/v1/nothing", 404},
		{"GET", "/api/", 404},
		{"PATCH", "/api/v1/alerts", 405},
		{"POST", "/media/x", 405},
		{"GET", "/api/v1/alerts?limit=0", 422},
		{"GET", "/api/v1/alerts?from=noon", 422},
		{"GET", "/api/v1/alerts?state=old", 422},
		{"GET", "/api/v1/alerts?camera=A", 422},
		{"POST", "/api/v1/session", 400},
		{"GET", "/media/clips/x", 404},
	} {
		response, text := do(t, test.method, server.URL+test.path, token, nil)
		if response.StatusCode != test.status || response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: got %d %s", test.method, test.path, response.StatusCode, text)
		}
		v.check(t, text, pointer("components", "schemas", "Problem"))
	}
	response, text := do(t, "GET", server.URL+"/media/"+clipKey, token, nil, "Range", "bytes=100-")
	if response.StatusCode != 416 || response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("range: got %d %s", response.StatusCode, text)
	}
	v.check(t, text, pointer("components", "schemas", "Problem"))
}
