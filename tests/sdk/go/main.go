// The real Go SDK as a server uses it: main WRITE_KEY HOST, ids on stdout.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	analytics "github.com/segmentio/analytics-go/v3"
)

type ending struct{ failed []string }

func (e *ending) Success(analytics.Message) {}

func (e *ending) Failure(_ analytics.Message, err error) { e.failed = append(e.failed, err.Error()) }

// Names under .test are mapped to loopback here, since no resolver on the machine knows them.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, _ := net.SplitHostPort(address)
	if strings.HasSuffix(host, ".test") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func main() {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		panic("SSL_CERT_FILE has no certificate")
	}
	seen := &ending{}
	client, err := analytics.NewWithConfig(os.Args[1], analytics.Config{
		Endpoint:  os.Args[2],
		Callback:  seen,
		Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}},
	})
	if err != nil {
		panic(err)
	}
	ids := []string{}
	id := func() string {
		ids = append(ids, fmt.Sprintf("go-%d-%d", os.Getpid(), len(ids)))
		return ids[len(ids)-1]
	}
	for _, message := range []analytics.Message{
		analytics.Identify{MessageId: id(), UserId: "u1", Traits: analytics.Traits{"plan": "demo"}},
		analytics.Track{MessageId: id(), UserId: "u1", Event: "Order Completed"},
		analytics.Page{MessageId: id(), UserId: "u1", Name: "Home"},
		analytics.Screen{MessageId: id(), UserId: "u1", Name: "Start"},
		analytics.Group{MessageId: id(), UserId: "u1", GroupId: "g1"},
		analytics.Alias{MessageId: id(), UserId: "u1", PreviousId: "u0"},
	} {
		if err := client.Enqueue(message); err != nil {
			panic(err)
		}
	}
	client.Close()
	if len(seen.failed) > 0 {
		panic(seen.failed[0])
	}
	_ = json.NewEncoder(os.Stdout).Encode(ids)
}
