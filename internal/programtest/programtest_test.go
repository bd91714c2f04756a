package programtest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"testing"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, program) }

// program echoes a line in two writes and exits on SIGTERM.
func program() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Fprint(os.Stderr, "serv")
	fmt.Fprint(os.Stdout, "ing "+line)
	<-stop
	fmt.Println("the end")
}

func TestStartWaitsUntilTheProgramIsReady(t *testing.T) {
	cmd := programtest.Self()
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	_, err = stdin.Write([]byte("at-home\n"))
	require.NoError(t, err)
	p := programtest.Start(t, cmd, regexp.MustCompile(`serving (\S+)\n`))
	assert.Equal(t, []string{"serving at-home\n", "at-home"}, p.Ready)
	assert.Equal(t, "serving at-home\nthe end\n", p.Stop(t))
}
