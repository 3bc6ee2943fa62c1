package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestFromThisMachine(t *testing.T) {
	handler := fromThisMachine(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for origin, want := range map[string]int{
		"": 204, "http://127.0.0.1:8080": 204, "http://localhost:3000": 204, "http://[::1]:1": 204,
		"https://evil.example": 403, "http://127.0.0.1.evil.example": 403, "null": 403, "http://10.0.0.5": 403,
	} {
		request := httptest.NewRequest(http.MethodPost, "/whip/door", nil)
		request.Header.Set("Origin", origin)
		if origin == "" {
			request.Header.Del("Origin")
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("origin %q: got %d, want %d", origin, answer.Code, want)
		}
	}
}
