// Clientkeys makes, registers, checks and rotates the keys with which a client
// logs in at HelseID. It takes the commands, options and files of FHI's
// console tool, so that scripts for that one go on working, and adds rotation,
// and the same for clients of Keycloak.
//
//	clientkeys help
//	clientkeys help rotate
//
// What a script wants goes to standard output, what a person wants to
// standard error. The exit code is 0 on success and 1 on failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// command is one word that clientkeys understands.
type command struct {
	name    string
	summary string // one line
	about   string // what an operator should know before using it
	task
}

// task holds the values of a command's options, preset to their defaults.
type task interface {
	declare(o *options)
	run(ctx context.Context, c *console) error
}

func commands() []command {
	return []command{
		{"generatejsonwebkey", "make a key and save it as two JWK files", aboutGenerateKey, &generateKey{newKey: defaultKey(), transform: jsonEscape}},
		{"generatecertificate", "make a key with a self-signed certificate", aboutGenerateCertificate, &generateCertificate{newKey: defaultKey(), months: 24}},
		{"updateclientkey", "register a new public key for a client", aboutUpdateKey, &updateKey{}},
		{"readclientsecretexpiration", "tell when a client's key expires", aboutReadExpiration, &readExpiration{}},
		{"rotate", "make, register, try and switch to a new key, now or when due", aboutRotate, &rotate{}},
		{"run", "rotate whenever it is due, until stopped", aboutRun, &run{}},
		{"status", "tell where the rotation stands", aboutStatus, &status{}},
		{"exportkey", "write the active key of a rotation to a file", aboutExportKey, &exportKey{}},
		{"keycloakpolicycreate", "make old client secrets live on for a while", aboutPolicyCreate, newPolicyCreate()},
		{"keycloakpolicyshow", "print the rotation policies of a realm", aboutPolicyShow, &policyShow{}},
		{"keycloaksecretregenerate", "have Keycloak make a new client secret", aboutSecretRegenerate, &secretRegenerate{}},
		{"keycloaksecretrotated", "tell about the client secret before the main one", aboutSecretRotated, &secretRotated{}},
		{"keycloaksecretinvalidate", "end the client secret before the main one", aboutSecretInvalidate, &secretInvalidate{}},
		{"keycloakkeysupload", "store public keys or a certificate for a client", aboutKeysUpload, &keysUpload{}},
		{"keycloakstatus", "print what Keycloak knows of a client's credentials", aboutKeycloakStatus, &keycloakStatus{}},
		{"keycloakrotate", "rotate a client's key or secret, now or when due", aboutKeycloakRotate, &keycloakRotate{}},
	}
}

func main() {
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	if err := execute(context.Background(), c, os.Args[1:]); err != nil {
		c.tell("clientkeys: %v", err)
		os.Exit(1)
	}
}

func execute(ctx context.Context, c *console, args []string) error {
	if len(args) == 0 {
		overview(c.err)
		return errors.New("no command given")
	}
	name, args := strings.ToLower(args[0]), args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) == 0 {
			overview(c.out)
			return nil
		}
		name, args = strings.ToLower(args[0]), []string{"-help"}
	}
	for _, cmd := range commands() {
		if cmd.name != name {
			continue
		}
		o := newOptions()
		cmd.declare(o)
		switch err := o.parse(args); {
		case errors.Is(err, flag.ErrHelp):
			cmd.help(c.out, o)
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w (see: clientkeys help %[1]s)", cmd.name, err)
		}
		if err := cmd.run(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", cmd.name, err)
		}
		if c.lost != nil {
			return fmt.Errorf("%s: it is done, but the result could not be printed: %w", cmd.name, c.lost)
		}
		return nil
	}
	return errors.New("unknown command (see: clientkeys help)")
}

func overview(w io.Writer) {
	fmt.Fprintln(w, "Clientkeys looks after the keys with which a client logs in at HelseID or Keycloak.")
	fmt.Fprintln(w, "\nUsage: clientkeys <command> --Option value ...\n\nCommands:")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-28s%s\n", cmd.name, cmd.summary)
	}
	fmt.Fprintln(w, "\nclientkeys help <command> explains a command and its options.")
}

func (cmd command) help(w io.Writer, o *options) {
	fmt.Fprintf(w, "clientkeys %s: %s.\n\n%s\n\nOptions:\n", cmd.name, cmd.summary, cmd.about)
	o.print(w)
}
