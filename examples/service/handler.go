package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/nokkel/nokkel/selfservice"
)

// handler answers / with the API's answer, /healthz, and /status.
func handler(api *http.Client, rotator *selfservice.Rotator, url string, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, url, nil)
		if err != nil {
			http.Error(w, "the address of the API is wrong", http.StatusInternalServerError)
			return
		}
		resp, err := api.Do(req)
		if err != nil {
			log.Warn("calling the API", "error", err) // holds no key and no token
			http.Error(w, "the API cannot be called", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode < http.StatusOK { // no final one, and below 100 none that may be relayed
			http.Error(w, "the API's answer has no status", http.StatusBadGateway)
			return
		}
		w.WriteHeader(resp.StatusCode)
		fmt.Fprintln(w, resp.StatusCode, http.StatusText(resp.StatusCode)) // not the API's own words
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if _, err := rotator.SigningKey(r.Context()); err != nil {
			http.Error(w, "no key", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := rotator.Status(r.Context())
		if err != nil {
			http.Error(w, "the state cannot be read", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(status)
	})
	return mux
}
