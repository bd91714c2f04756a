package redact

import (
	"io"
	"net/http"
)

// Body returns body with the errors of its reads made fit to show: net/http
// quotes the trailer of a chunked answer when that is malformed. A body that
// can be written to, of a connection that changed its protocol, is returned as
// it is. Sent is called for an error only.
func Body(body io.ReadCloser, sent func() Values) io.ReadCloser {
	if _, upgraded := body.(io.Writer); upgraded || body == nil || body == http.NoBody {
		return body
	}
	return &quiet{body, sent}
}

type quiet struct {
	body io.ReadCloser
	sent func() Values
}

func (q *quiet) Read(p []byte) (int, error) {
	n, err := q.body.Read(p)
	if err != nil && err != io.EOF {
		err = q.sent().Error(err)
	}
	return n, err
}

func (q *quiet) Close() error {
	err := q.body.Close()
	if err != nil {
		err = q.sent().Error(err)
	}
	return err
}
