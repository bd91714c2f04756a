// Package interop_test tests this module against other implementations: their
// clients drive the fakes, and their resource servers verify our tokens and proofs.
// The programs are in testdata, and .ci/interop installs what they need.
package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/stretchr/testify/require"
)

// program is a program in testdata.
type program struct {
	name    string
	command func(t *testing.T) *exec.Cmd
}

func oauth4webapi() program   { return node("oauth4webapi") }
func openidClient() program   { return node("openid-client") }
func requestsOAuth2() program { return python("client") }

func node(name string) program {
	return program{name, func(t *testing.T) *exec.Cmd {
		modules := installed(t, "node_modules")
		node, err := exec.LookPath("node")
		if err != nil {
			missing(t, "node", err)
		}
		// Node resolves imports from the directory of the program.
		dir := t.TempDir()
		require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
		text, err := os.ReadFile(filepath.Join("testdata", "node", name+".mjs"))
		require.NoError(t, err)
		file := filepath.Join(dir, name+".mjs")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		return exec.Command(node, file)
	}}
}

func python(name string) program {
	return program{"requests_oauth2client", func(t *testing.T) *exec.Cmd {
		return exec.Command(installed(t, "venv", "bin", "python"), filepath.Join("testdata", "python", name+".py"))
	}}
}

// nimbus is the basis of NHN's own library for HelseID, and is used in the same way.
func nimbus() program { return java("Client") }

func java(name string) program {
	return program{"nimbus", func(t *testing.T) *exec.Cmd {
		jars := installed(t, "java")
		if _, err := exec.LookPath("javac"); err != nil {
			missing(t, "a JDK", err)
		}
		jars = filepath.Join(jars, "*")
		classes, err := compileJava(jars)
		require.NoError(t, err)
		return exec.Command("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes+string(filepath.ListSeparator)+jars, name)
	}}
}

// javaClasses is the directory of the compiled programs, once there is one.
var javaClasses struct {
	once sync.Once
	dir  string
	err  error
}

// compileJava compiles all Java programs, once.
func compileJava(jars string) (dir string, err error) {
	c := &javaClasses
	c.once.Do(func() {
		if c.dir, c.err = os.MkdirTemp("", "nokkel-interop-"); c.err != nil {
			return
		}
		var sources []string
		if sources, c.err = filepath.Glob(filepath.Join("testdata", "java", "*.java")); c.err != nil {
			return
		}
		args := append([]string{"-J-XX:TieredStopAtLevel=1", "-d", c.dir, "-cp", jars}, sources...)
		if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
			c.err = fmt.Errorf("javac: %w: %s", err, out)
		}
	})
	return c.dir, c.err
}

func TestMain(m *testing.M) {
	code := m.Run()
	if javaClasses.dir != "" {
		os.RemoveAll(javaClasses.dir)
	}
	os.Exit(code)
}

// installed returns the path of something that .ci/interop installs.
func installed(t *testing.T, path ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	file := filepath.Join(append([]string{cache, "nokkel", "interop"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		missing(t, path[0], err)
	}
	return file
}

func missing(t *testing.T, what string, err error) {
	t.Helper()
	programtest.Missing(t, what+" is not installed, see .ci/interop: "+err.Error())
}

// run gives the program its task as JSON and reads its result. If the program
// fails, complaint is its standard error.
func (p program) run(t *testing.T, task, result any) (complaint string, ok bool) {
	t.Helper()
	cmd := p.command(t)
	input, err := json.Marshal(task)
	require.NoError(t, err)
	cmd.Stdin = bytes.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	if err := cmd.Wait(); err != nil {
		return errs.String(), false
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), result), "%s printed %s", p.name, out.String())
	return "", true
}

// start runs a server until the test ends and returns the URL that it prints. The
// task is the first line of its standard input.
func (p program) start(t *testing.T, task any) string {
	t.Helper()
	cmd := p.command(t)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { stdin.Close() })
	require.NoError(t, json.NewEncoder(stdin).Encode(task)) // with a line break
	return programtest.Start(t, cmd, regexp.MustCompile(`(?m)^(http\S+)\s*\n`)).Ready[1]
}
