package retryafter

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestOf(t *testing.T) {
	date := time.Date(2027, 2, 20, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-1": 0, "1.5": 0, "soon": 0, "7": 7 * time.Second, "3600": time.Hour,
		"999999999": Max, "9223372036854775807": Max, "9223372036854775808": 0,
		date.Add(time.Minute).Format(http.TimeFormat):      time.Minute,
		date.Add(-time.Minute).Format(http.TimeFormat):     0,
		date.Add(9000 * time.Hour).Format(http.TimeFormat): Max,
	} {
		assert.Equal(t, want, Of(http.Header{"Retry-After": {value}, "Date": {date.Format(http.TimeFormat)}}), value)
	}
}

func TestDateWithoutTheServersClock(t *testing.T) {
	wait := Of(http.Header{"Retry-After": {time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}})
	assert.InDelta(t, time.Minute, wait, float64(5*time.Second))
}
