package respbody

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/internal/respbody/slowtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeadOfASlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Repeat("0123456789", 10)
		start := time.Now()
		head, rest, err := Head(slowtest.NewBody(text, 300*time.Millisecond), 1000, Wait)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.True(t, os.IsTimeout(err))
		assert.Equal(t, Wait, time.Since(start))
		assert.Equal(t, text[:33], string(head))

		whole, err := io.ReadAll(rest)
		require.NoError(t, err)
		assert.Equal(t, text, string(whole), "nothing is lost, the byte that was under way neither")
		assert.Equal(t, 30*time.Second, time.Since(start))
		require.NoError(t, rest.Close())
	})
}

func TestHeadOfAStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rest, err := Head(slowtest.NewBody("x", time.Hour), 1000, time.Second)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		time.AfterFunc(time.Second, func() { rest.Close() })
		_, err = io.ReadAll(rest)
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose, "Close interrupts a Read of what was under way")
	})
}

func TestHeadOfACompleteBody(t *testing.T) {
	torn := errors.New("torn")
	long := strings.Repeat("x", 100_000)
	for name, c := range map[string]struct {
		body  io.Reader
		limit int
		head  string
		err   error
		whole string
	}{
		"empty":                {strings.NewReader(""), 10, "", nil, ""},
		"shorter":              {strings.NewReader("abc"), 10, "abc", nil, "abc"},
		"as long as the limit": {strings.NewReader("abc"), 3, "abc", nil, "abc"},
		"longer":               {strings.NewReader("abcdef"), 3, "abc", nil, "abcdef"},
		"long":                 {strings.NewReader(long), 64 << 10, long[:64<<10], nil, long},
		"byte by byte":         {iotest.OneByteReader(strings.NewReader("abcdef")), 5, "abcde", nil, "abcdef"},
		"end with the data":    {iotest.DataErrReader(strings.NewReader("abc")), 10, "abc", nil, "abc"},
		"error after data":     {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(torn)), 10, "abc", torn, "abc"},
		"error past the limit": {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(torn)), 3, "abc", nil, "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			head, rest, err := Head(io.NopCloser(c.body), c.limit, time.Hour)
			assert.Equal(t, c.err, err)
			assert.Equal(t, c.head, string(head))
			whole, err := io.ReadAll(iotest.OneByteReader(rest))
			if strings.HasPrefix(name, "error") {
				require.ErrorIs(t, err, torn)
				_, err = rest.Read(make([]byte, 1))
				require.Error(t, err, "again")
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.whole, string(whole))
		})
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// A panic in another goroutine would crash the process.
func TestHeadPanicsInTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := io.NopCloser(readFunc(func([]byte) (int, error) { panic("in Read") }))
		assert.PanicsWithValue(t, "in Read", func() { Head(body, 10, time.Second) })
		assert.Panics(t, func() { Head(nil, 10, time.Second) })

		late := io.NopCloser(readFunc(func([]byte) (int, error) { time.Sleep(time.Minute); panic("in Read") }))
		_, rest, err := Head(late, 10, time.Second)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.PanicsWithValue(t, "in Read", func() { rest.Read(make([]byte, 1)) })

		_, _, err = Head(io.NopCloser(readFunc(func([]byte) (int, error) { runtime.Goexit(); return 0, nil })), 10, time.Second)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		body := slowtest.NewBody(strings.Repeat("x", 1000), time.Minute)
		Drain(body, 1000)
		assert.Equal(t, drainWait, time.Since(start))
		<-body.Closed()
		synctest.Wait() // the pending Read has returned: no goroutine is left
	})
}

// TestHeadOfARealConnection repeats the tests over HTTP/1.1 and HTTP/2.
func TestHeadOfARealConnection(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		more := make(chan struct{})
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "first ")
			w.(http.Flusher).Flush()
			select {
			case <-more:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler) // and not an end that may still arrive
			}
			io.WriteString(w, "second")
		}))
		s.EnableHTTP2 = http2
		s.StartTLS()
		defer s.Close()
		get := func() *http.Response {
			resp, err := s.Client().Get(s.URL)
			require.NoError(t, err)
			return resp
		}

		resp := get()
		head, rest, err := Head(resp.Body, 1000, 50*time.Millisecond)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, "first ", string(head))
		more <- struct{}{}
		var whole bytes.Buffer
		_, err = whole.ReadFrom(rest)
		require.NoError(t, err)
		assert.Equal(t, "first second", whole.String())
		require.NoError(t, rest.Close())

		resp = get()
		_, rest, err = Head(resp.Body, 1000, 50*time.Millisecond)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		time.AfterFunc(50*time.Millisecond, func() { rest.Close() })
		_, err = io.ReadAll(rest)
		require.Error(t, err, "Close interrupts a Read")

		Drain(get().Body, 1000)
	}
}
