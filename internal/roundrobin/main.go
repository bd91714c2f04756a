// Roundrobin is the load balancer of a cluster that tests run against. It
// gives each request to the next server in turn, whatever connection it came
// on, and leaves its Host as it is:
//
//	roundrobin ADDRESS URL...
package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: roundrobin ADDRESS URL...")
		os.Exit(2)
	}
	proxy, err := balance(os.Args[2:])
	if err == nil {
		err = http.ListenAndServe(os.Args[1], proxy)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// balance returns the handler that gives requests to these servers.
func balance(servers []string) (http.Handler, error) {
	var targets []*url.URL
	for _, s := range servers {
		u, err := url.Parse(s)
		if err != nil {
			return nil, err
		}
		targets = append(targets, u)
	}
	var turn atomic.Uint64
	return &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(targets[turn.Add(1)%uint64(len(targets))])
			r.Out.Host = r.In.Host
		},
	}, nil
}
