package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"os"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

// A key with a certificate for two years: the public part to hand in, and the
// thumbprint by which .NET finds it.
func Example() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err = certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "my client"}, Months: 24})
	if err != nil {
		fmt.Println(err)
		return
	}
	public := certs.PEM(key.Certificates())
	thumbprint := certs.SHA1(key.Certificates()[0])

	fmt.Println(len(public) > 0, len(thumbprint.Hex()))
	// Output: true 40
}

// The certificates that an authority sent, in whichever order, join the key.
func ExampleAttach() {
	key, err := keys.ReadFile("testdata/client.key")
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := os.ReadFile("testdata/client.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	chain, err := certs.Parse(answer)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err = certs.Attach(key, chain)
	fmt.Println(len(key.Certificates()), err)
	// Output: 1 <nil>
}

// Mutual TLS (RFC 8705) with whichever key the rotator has at the moment.
func ExampleClientCertificate() {
	var rotator keys.Source // a selfservice.Rotator, or a *keys.Key
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		GetClientCertificate: certs.ClientCertificate(rotator),
	}}}
	_ = client
}
