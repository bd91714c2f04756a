package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryContenderDoesTheWork(t *testing.T) {
	tasks, err := allTasks()
	require.NoError(t, err)
	for _, task := range tasks {
		assert.NoError(t, task.verify())
	}
}

func TestCheatsAreSeen(t *testing.T) {
	tasks, err := allTasks()
	require.NoError(t, err)
	for _, task := range tasks {
		honest, err := task.contenders[1].make()
		require.NoError(t, err)
		cheats := map[string]func() (product, error){
			"nothing":  func() (product, error) { return product{}, nil },
			"raw only": task.contenders[0].make,
		}
		if honest.token != "" {
			cheats["a token made once"] = func() (product, error) { return honest, nil }
			cheats["no signature"] = func() (product, error) {
				return product{token: honest.token[:bytes.LastIndexByte([]byte(honest.token), '.')+1]}, nil
			}
		}
		for name, cheat := range cheats {
			task.contenders = []contender{task.contenders[0], {name, cheat}}
			assert.Error(t, task.verify(), "%s: %s", task.name, name)
		}
	}
}

// TestVerifiersRefuse: each contender makes the checks that it is measured with.
func TestVerifiersRefuse(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	other, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	nonces := &dpop.Nonces{}
	verifiers, err := proofVerifiers(nonces)
	require.NoError(t, err)
	require.Len(t, verifiers, 5)
	proof := func(key *keys.Key, change func(*dpop.Proof)) string {
		p := dpop.Proof{URL: resource, AccessToken: keys.NewSecret(accessToken), Nonce: nonces.Nonce()}
		change(&p)
		signed, err := dpop.Sign(t.Context(), key, p)
		require.NoError(t, err)
		return signed
	}
	good := proof(key, func(*dpop.Proof) {})
	for i, v := range verifiers {
		got, err := v.verify(i, good, key.Thumbprint())
		require.NoError(t, err, v.name)
		assert.Equal(t, key.Thumbprint(), got.thumbprint, v.name)
		for rule, wrong := range map[string]string{
			"signature": good[:len(good)-86] + proof(key, func(*dpop.Proof) {})[len(good)-86:],
			"htm":       proof(key, func(p *dpop.Proof) { p.Method = "PUT" }),
			"htu":       proof(key, func(p *dpop.Proof) { p.URL += "/1" }),
			"ath":       proof(key, func(p *dpop.Proof) { p.AccessToken = keys.NewSecret("x") }),
			"iat":       proof(key, func(p *dpop.Proof) { p.IssuedAt = time.Now().Add(-2 * time.Hour) }),
			"key":       proof(other, func(*dpop.Proof) {}),
		} {
			_, err := v.verify(1, wrong, key.Thumbprint())
			assert.Error(t, err, "%s: %s", v.name, rule)
		}
	}
}

func TestRunPrintsATable(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, 1, 1))
	for _, want := range []string{"DPoP proof, ES256", "DPoP proof verified, ES256", "client assertion, PS256", "x raw", "golang-jwt v5"} {
		assert.Contains(t, out.String(), want)
	}
}

func TestWrongUse(t *testing.T) {
	program := filepath.Join(t.TempDir(), "bench")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, args := range [][]string{{"-rounds", "0"}, {"-cpu", "0"}, {"-rounds", "1", "500"}} {
		out, err := exec.Command(program, args...).CombinedOutput()
		assert.Error(t, err, args)
		assert.Contains(t, string(out), "Usage", args)
	}
}

func Benchmark(b *testing.B) {
	tasks, err := allTasks()
	require.NoError(b, err)
	for _, task := range tasks {
		require.NoError(b, task.verify())
		for _, c := range task.contenders {
			b.Run(task.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.make()
				}
			})
		}
	}
}
