package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/keys"
)

// room is more than any secret or keystore takes, in bytes.
const room = 64 << 10

// reserve makes the new file that an option names, if it does, for what a
// server will make. The file is full, and is overwritten in place: a disk that
// is full by then loses nothing. It is kept open, so that nobody who can write
// to its directory gets what it is for.
func (in *input) reserve(option string) error {
	if in.text(option) == "" {
		return nil
	}
	path, name := filepath.Split(in.text(option))
	dir, err := atomicfile.OpenDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerOnly)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file of --" + option + " exists; it is not replaced")
	}
	if err != nil {
		return err
	}
	err = atomicfile.SetMode(f, ownerOnly)
	if err == nil {
		_, err = f.Write(make([]byte, room))
	}
	if err == nil {
		err = errors.Join(f.Sync(), atomicfile.SyncDir(dir))
	}
	if err != nil {
		f.Close()
		dir.Remove(name)
		return err
	}
	in.reserved = f
	return nil
}

// save fills a reserved file; nothing leaves no file behind.
func (in *input) save(option string, content []byte) error {
	f := in.reserved
	if f == nil {
		return nil
	}
	if len(content) == 0 {
		return errors.Join(f.Close(), os.Remove(in.text(option)))
	}
	_, err := f.WriteAt(content, 0)
	if err == nil {
		err = f.Truncate(int64(len(content)))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// handoverOptions say where a secret goes.
func handoverOptions() []option {
	return []option{
		path("SecretPath", "p", "file to write the secret to, which must not exist; only its owner can read it"),
		toggle("Show", "show", "print the secret to standard output"),
	}
}

// somewhere fails where a new secret would go nowhere.
func (in *input) somewhere() error {
	if in.text("SecretPath") == "" && !in.on("Show") {
		return errors.New("missing --SecretPath or --Show: the new secret must go somewhere")
	}
	return nil
}

func (in *input) saveSecret(s keys.Secret) error { return in.save("SecretPath", []byte(s.Reveal())) }

// showSecret prints the secret or its place. Nothing is printed before it is
// saved: output into a pipe that nobody reads ends the process.
func (in *input) showSecret(s keys.Secret) error {
	if path := in.text("SecretPath"); path != "" {
		in.result("SecretPath: %s", path)
	}
	return in.reveal(s)
}

// reveal prints the secret if that is wanted.
func (in *input) reveal(s keys.Secret) error {
	if !in.on("Show") {
		return nil
	}
	if redact.Printable(s.Reveal()) != s.Reveal() {
		return errors.New("the secret holds characters that a terminal does not print; --SecretPath takes them")
	}
	in.result("Secret: %s", s.Reveal())
	return nil
}
