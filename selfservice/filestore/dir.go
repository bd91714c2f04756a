// Package filestore keeps the state of a selfservice.Rotator in a directory of
// a local disk.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/selfservice"
)

// keepVersions is how many versions a [Dir] keeps, the current one included.
// A rotation saves about five times, so the credentials of one rotation ago
// are still there when the newest files are damaged.
const keepVersions = 8

// Dir is a [selfservice.Store] in a directory of its own, named by its path, for any
// number of goroutines and processes of one machine that run as one user. The
// first Save makes the directory, mode 0700, and files with mode 0600.
//
// Load and Save take only what nobody but this user can have written or read:
// the directory and each file belong to the user the process runs as (root is
// no exception: run a tool as the service's user), no mode has a bit for group
// or others, and a file is a regular one, no link, of at most 4 MiB. A link at the
// path itself belongs to this user or root. Anything else is a [*Error], which is
// [selfservice.ErrConfig], and is never changed: it may be somebody else's.
//
// The directories above it are yours to protect. Whoever can rename what is in
// one of them can put another state of this user in the place of this one, that of
// another client or an older copy; a [selfservice.Seal] refuses what has another
// name. See that they belong to root or this user, and that nobody else may write to
// them, unless they have the sticky bit, as /tmp has.
//
// In Kubernetes an fsGroup opens every file to the group each time a pod starts;
// set fsGroupChangePolicy: OnRootMismatch and give Dir a directory below the
// volume's root. Windows has access lists instead of modes; Dir leaves those to you.
//
// The file system must be a local one with hard links. Without hard links
// Save fails with [selfservice.ErrConfig]. Network file systems cache listings and so
// break the law of [selfservice.Store]: take package sqlstore there.
//
// Every file carries a checksum. When the newest one is damaged, Load returns
// the newest of the last 8 versions that is not: the engine finds out by
// asking the server what has happened since. Save then goes on above the
// damaged file, which stays in the directory, since what is left of it may be
// worth repairing; [Dir.Damaged] names it. When no sound version is left,
// Load returns selfservice.ErrCorrupt together with the version, so that a caller who
// decides to start over can Save.
//
// Errors of the file system (disk full, read-only, no permission) are
// *fs.PathError and *os.LinkError. Nothing saved before is lost by them, and
// Load never falls back because of them.
type Dir string

// Load implements [selfservice.Store].
func (d Dir) Load(ctx context.Context) (blob []byte, version string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	f, err := d.open()
	if f == nil || err != nil {
		return nil, "", err
	}
	defer f.root.Close()
	n, raw, older, err := f.newest(ctx)
	if err != nil || n == 0 {
		return nil, "", err
	}
	version = dirVersion(n, raw)
	blob, ok := decodeState(raw)
	for i := len(older) - 1; !ok && i >= 0; i-- {
		raw, err := f.read(older[i])
		if errors.Is(err, fs.ErrNotExist) {
			return d.Load(ctx) // cleaned up, so there are newer ones
		}
		if err != nil {
			return nil, "", err
		}
		blob, ok = decodeState(raw)
	}
	if !ok {
		return nil, version, fmt.Errorf("%w: no file in %s has the checksum it says", selfservice.ErrCorrupt, d)
	}
	// Another process may have linked the file and not yet synced it. Our
	// caller acts on what it reads (registers the key, say), so it has to
	// survive a crash of the machine from here on. Nobody links to a disk that
	// has turned read-only after an error, and it must not cost the key.
	if err := f.sync(); err != nil && !errors.Is(err, syscall.EROFS) {
		return nil, "", err
	}
	return blob, version, nil
}

// How Save keeps the law of selfservice.Store without a lock:
//
// Version N is the file state-N, complete and synced before it gets its name
// by a hard link from a temporary file; of all who link the same name one
// wins. Files are never written again. The newest 8 are kept, so the name of
// an old version becomes free at some time, and a writer that was suspended
// until then could link it. Nobody would read that (Load takes the highest),
// but the writer would believe it. It cannot, because of this order:
//
//	writer of N: make state-N.tmp-*; see that N-1 is the highest; link it to state-N
//	cleaner:     link state-V; list; remove all state-*.tmp-* up to V; only then remove state-M up to V-8
//
// Say the writer is late: state-N has been there, and was removed before the
// writer links. The cleaner that removed it had linked its state-V, V >= N+8,
// before it listed. If the writer's file was made before that listing began,
// the cleaner removed the file first, and the link fails with ENOENT. If it
// was made later, the writer looked for the highest later still, when V was
// there, and stops. (Listings are no snapshots: the highest one may vanish
// while the writer lists. But then it was removed by a cleaner whose state-V
// is younger than the writer's file: the first case.)
//
// The other races: two writers link state-N, and one gets EEXIST; a cleaner
// removes the file of a writer that has not linked yet, and it gets ENOENT,
// rightly, as V is there; a crash leaves a temporary file, and the next Save
// of any process removes it; a version vanishes between listing and reading
// it, and newest lists again.

// Save implements [selfservice.Store].
func (d Dir) Save(ctx context.Context, blob []byte, version string) (newVersion string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f, err := d.open()
	if f == nil && err == nil {
		f, err = d.create(version)
	}
	if err != nil {
		return "", err
	}
	defer f.root.Close()
	// This first look only spares the disk a write that cannot win.
	n, err := f.expect(ctx, version)
	if err != nil {
		return "", err
	}
	if next, _ := parseName(stateName(n + 1)); next == 0 {
		return "", &Error{Path: f.file(n), Rule: ErrNumber}
	}
	raw := encodeState(blob)
	if len(raw) > maxStateFile {
		return "", &Error{Path: f.file(n + 1), Rule: ErrSize}
	}
	tmp, err := f.writeTemp(n+1, raw)
	if err != nil {
		return "", err
	}
	defer f.root.Remove(tmp)
	if _, err := f.expect(ctx, version); err != nil {
		return "", err
	}
	if err := f.publish(ctx, tmp, n+1, version); err != nil {
		return "", err
	}
	f.clean(n + 1)
	return dirVersion(n+1, raw), nil
}

// create makes the directory for a first version.
func (d Dir) create(version string) (*folder, error) {
	if version != "" {
		return nil, selfservice.ErrConflict
	}
	if err := atomicfile.MkdirAll(string(d)); err != nil {
		return nil, err
	}
	f, err := d.open()
	if f == nil && err == nil {
		err = &fs.PathError{Op: "open", Path: string(d), Err: fs.ErrNotExist} // somebody removes it
	}
	return f, err
}

// Damaged returns the paths of the files whose checksum is wrong, oldest
// first. They are never removed by Dir.
func (d Dir) Damaged() ([]string, error) {
	f, err := d.open()
	if f == nil || err != nil {
		return nil, err
	}
	defer f.root.Close()
	versions, _, err := f.list()
	var damaged []string
	for _, n := range versions {
		raw, readErr := f.read(n)
		if errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		if readErr != nil {
			return nil, readErr
		}
		if _, ok := decodeState(raw); !ok {
			damaged = append(damaged, f.file(n))
		}
	}
	return damaged, err
}

// newest returns the number and content of the highest version, 0 when there
// is none, and the numbers below it in ascending order.
func (f *folder) newest(ctx context.Context) (n uint64, raw []byte, older []uint64, err error) {
	for missing := uint64(0); ; missing = n {
		if err := ctx.Err(); err != nil {
			return 0, nil, nil, err
		}
		versions, _, err := f.list()
		if err != nil || len(versions) == 0 {
			return 0, nil, nil, err
		}
		last := len(versions) - 1
		n, older = versions[last], versions[:last]
		raw, err = f.read(n)
		// Gone since the listing: eight newer ones have been made. If it is
		// the highest still, it is not a file that can be read.
		if !errors.Is(err, fs.ErrNotExist) || n == missing {
			return n, raw, older, err
		}
	}
}

// expect returns the number of the current version if version is its name,
// and selfservice.ErrConflict otherwise.
func (f *folder) expect(ctx context.Context, version string) (uint64, error) {
	n, raw, _, err := f.newest(ctx)
	if err == nil && version != dirVersion(n, raw) {
		err = selfservice.ErrConflict
	}
	return n, err
}

// publish makes the temporary file version n, for good when it returns nil.
func (f *folder) publish(ctx context.Context, tmp string, n uint64, version string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := f.root.Link(tmp, stateName(n))
	if err == nil {
		return f.sync()
	}
	if _, now := f.expect(ctx, version); errors.Is(now, selfservice.ErrConflict) {
		return selfservice.ErrConflict // somebody has been faster: EEXIST, or ENOENT from the cleaner
	}
	err = f.failed(err)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: the file system of a Dir must have hard links: %w", selfservice.ErrConfig, err)
	}
	return err
}

// clean removes what version n has made superfluous, in the order that Save
// explains. What cannot be removed now is left to the next Save: this one
// has succeeded.
func (f *folder) clean(n uint64) {
	versions, temps, err := f.list()
	if err != nil {
		return
	}
	for _, t := range temps {
		if t.number > n {
			continue
		}
		if err := f.root.Remove(t.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	for _, v := range versions {
		if v+keepVersions > n {
			return
		}
		if raw, err := f.read(v); err != nil {
			continue
		} else if _, sound := decodeState(raw); sound {
			f.root.Remove(stateName(v))
		}
	}
}
