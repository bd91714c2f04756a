package sqlcheck

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy forwards connections to a server and returns its own address. If lose is
// set, it unsets it and closes the connection when an answer holds this text.
func Proxy(t *testing.T, server, answer string, lose *atomic.Bool) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			go func() { io.Copy(upstream, client); upstream.Close() }()
			go func() {
				defer client.Close()
				for buf := make([]byte, 4096); ; {
					n, err := upstream.Read(buf)
					if err != nil || bytes.Contains(buf[:n], []byte(answer)) && lose.CompareAndSwap(true, false) {
						return
					}
					client.Write(buf[:n])
				}
			}()
		}
	}()
	return listener.Addr().String()
}
