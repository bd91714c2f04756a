package textfile_test

import (
	"testing"

	"github.com/nokkel/nokkel/internal/textfile"
	"github.com/stretchr/testify/assert"
)

func TestDecode(t *testing.T) {
	for data, want := range map[string]string{
		"":                                   "",
		" blå\n":                             " blå\n",
		"\ufeffblå":                          "blå",
		"\xff\xfe":                           "",
		"\xff\xfeb\x00\xe5\x00":              "bå",
		"\xfe\xff\x00b\x00\xe5":              "bå",
		"\xff\xfe\x3d\xd8\x11\xdd":           "\U0001f511",
		"\xef\xbf\xbd is what it stands for": "\ufffd is what it stands for",
	} {
		text, ok := textfile.Decode([]byte(data))
		assert.True(t, ok, "%q", data)
		assert.Equal(t, want, string(text))
	}
	for _, data := range []string{"bl\xe5", "\xff\xfeb", "\xff\xfe\x3d\xd8", "\xff\xfe\x11\xddb\x00"} {
		_, ok := textfile.Decode([]byte(data))
		assert.False(t, ok, "%q", data)
	}
}
