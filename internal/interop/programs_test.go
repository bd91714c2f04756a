// Package interop_test lets software of other makers meet this module: their
// clients drive the fakes, and their resource servers check our tokens and
// proofs. The programs are in testdata; .ci/interop installs what they need.
package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/stretchr/testify/require"
)

// program is one program of testdata.
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
		// A module is looked for beside the program that imports it.
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

// nimbus is what NHN's own library for HelseID is built on, and it is used as
// that library does.
func nimbus() program { return java("Client") }

func java(name string) program {
	return program{"nimbus", func(t *testing.T) *exec.Cmd {
		jars := installed(t, "java")
		if _, err := exec.LookPath("javac"); err != nil {
			missing(t, "a JDK", err)
		}
		return exec.Command("java", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(jars, "*"), filepath.Join("testdata", "java", name+".java"))
	}}
}

// installed returns the path of what .ci/interop installs.
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

// run gives a program its task as JSON and reads its result. When it fails, ok
// is false and complaint is what it wrote.
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

// start runs a server until the test ends, with its task as the first line of
// its input, and returns the URL that it prints.
func (p program) start(t *testing.T, task any) string {
	t.Helper()
	cmd := p.command(t)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { stdin.Close() })
	require.NoError(t, json.NewEncoder(stdin).Encode(task)) // ends the line
	return programtest.Start(t, cmd, regexp.MustCompile(`(?m)^(http\S+)\s*\n`)).Ready[1]
}
