package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

// How do I give my key a certificate?
func ExampleSelfSign() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	key, err = certs.SelfSign(context.Background(), key, certs.Template{
		Subject: pkix.Name{CommonName: "my client"},
		Months:  24,
	})
	if err != nil {
		log.Fatal(err)
	}
	public := certs.PEM(key.Certificates()) // to hand in
	fmt.Println(key.Certificates()[0].Subject, bytes.HasPrefix(public, []byte("-----BEGIN CERTIFICATE-----")))
	// Output: CN=my client true
}

// By which thumbprint do others find my certificate?
func ExampleThumbprint() {
	data, err := os.ReadFile("testdata/client.pem")
	if err != nil {
		log.Fatal(err)
	}
	chain, err := certs.Parse(data)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(certs.SHA1(chain[0]).Hex())         // Windows and .NET
	fmt.Println(certs.SHA1(chain[0]).Base64URL())   // x5t
	fmt.Println(certs.SHA256(chain[0]).Base64URL()) // x5t#S256, and the cnf of a bound token
	// Output:
	// B6A693EC649D63D0F331A5656F8D7F4F8FA605C7
	// tqaT7GSdY9DzMaVlb41_T4-mBcc
	// J5P5_Efe77KoWpnlXyyMUxKBui0qRsVIdZl44ZwZyck
}

// How do I ask a certificate authority?
func ExampleRequest() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	request, err := certs.Request(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
	if err != nil {
		log.Fatal(err)
	}
	block, _ := pem.Decode(request) // what the authority reads
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(block.Type, parsed.Subject, parsed.CheckSignature())
	// Output: CERTIFICATE REQUEST CN=my client <nil>
}

// What do I do with the certificates that the authority sent?
func ExampleAttach() {
	key, err := keys.ReadFile("testdata/client.key")
	if err != nil {
		log.Fatal(err)
	}
	answer, err := os.ReadFile("testdata/client.pem")
	if err != nil {
		log.Fatal(err)
	}
	chain, err := certs.Parse(answer)
	if err != nil {
		log.Fatal(err)
	}
	key, err = certs.Attach(key, chain)
	fmt.Println(len(key.Certificates()), err)
	// Output: 1 <nil>
}

// How do I use mutual TLS with a key that is rotated?
func ExampleClientCertificate() {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	var source keys.Source = certified() // a *keys.Key never changes, a selfservice.Rotator does

	client := server.Client() // or one with a clone of http.DefaultTransport
	client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = certs.ClientCertificate(source)
	resp, err := client.Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: CN=my client <nil>
}

// certified returns a key with a certificate.
func certified() *keys.Key {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	key, err = certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
	if err != nil {
		log.Fatal(err)
	}
	return key
}
