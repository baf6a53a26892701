package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A RootFile is a Root in a file of its own, beside the stores that it opens and
// never inside them: a copy of a store alone opens nothing. Each line holds a
// version and its key; the last line is the primary one. Losing the file is
// losing every store that it opens.
type RootFile struct {
	path string

	mu       sync.RWMutex // guards versions
	versions []rootVersion
}

type rootVersion struct {
	number uint32
	key    []byte
}

const rootFileNote = "# Garrison's root keys. Without this file the stores beside it can't be opened: keep a copy elsewhere.\n"

// FileRoot reads the root file at path. If there is none and create says that
// every store it is for is new, it makes one, with mode 0600, and syncs it
// before it is used. It refuses a file that others may read or write.
func FileRoot(path string, create bool) (*RootFile, error) {
	f := &RootFile{path: path}
	versions, err := readRootFile(path)
	switch {
	case err == nil:
		f.versions = versions
		return f, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case !create:
		return nil, fmt.Errorf("the root key file %s is missing, and the store is not new: put back a copy of the file: %w", path, fs.ErrNotExist)
	}
	return f, f.addVersion()
}

// ID names the file.
func (f *RootFile) ID() string { return "the root key file " + f.path }

// Rotate adds a version and makes it primary. The file is replaced as a whole.
func (f *RootFile) Rotate(context.Context) error { return f.addVersion() }

func (f *RootFile) addVersion() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := rootVersion{number: 1, key: make([]byte, keySize)}
	if n := len(f.versions); n > 0 {
		next.number = f.versions[n-1].number + 1
	}
	rand.Read(next.key)
	versions := append(slices.Clip(f.versions), next)
	if err := writeRootFile(f.path, versions); err != nil {
		return err
	}
	f.versions = versions
	return nil
}

// Wrap seals key under the primary version. The version's number comes first.
func (f *RootFile) Wrap(_ context.Context, aad, key []byte) ([]byte, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	primary := f.versions[len(f.versions)-1]
	blob, err := wrapKey(primary.key, aad, key)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(nil, primary.number), blob...), nil
}

// Unwrap opens blob with the version that sealed it. A version that isn't known
// may have been added by another process, so the file is then read again.
func (f *RootFile) Unwrap(_ context.Context, aad, blob []byte) ([]byte, error) {
	if len(blob) < 4 {
		return nil, fmt.Errorf("unwrap a data key: %w: it is cut short", ErrCorrupt)
	}
	key, err := f.version(binary.BigEndian.Uint32(blob))
	if err != nil {
		return nil, err
	}
	return unwrapKey(key, aad, blob[4:])
}

func (f *RootFile) version(number uint32) ([]byte, error) {
	f.mu.RLock()
	key := find(f.versions, number)
	f.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	versions, err := readRootFile(f.path)
	if err != nil {
		return nil, err
	}
	if key = find(versions, number); key == nil {
		return nil, fmt.Errorf("it has no version %d: %w", number, ErrWrongRoot)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.versions = versions
	return key, nil
}

func find(versions []rootVersion, number uint32) []byte {
	for _, v := range versions {
		if v.number == number {
			return v.key
		}
	}
	return nil
}

func readRootFile(path string) ([]rootVersion, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file; no request does
	if err != nil {
		return nil, fmt.Errorf("read the root key file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	st, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the root key file: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the root key file %s has mode %04o and others may read it: chmod 600 %s", path, st.Mode().Perm(), path)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(file); err != nil {
		return nil, fmt.Errorf("read the root key file %s: %w", path, err)
	}
	return parseRootFile(path, text.String())
}

// parseRootFile never shows a line's content: it is a key.
func parseRootFile(path, text string) ([]rootVersion, error) {
	var out []rootVersion
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var v rootVersion
		var encoded string
		if _, err := fmt.Sscanf(line, "%d %s", &v.number, &encoded); err != nil {
			return nil, fmt.Errorf("the root key file %s, line %d: a version and a key are expected: %w", path, n, ErrCorrupt)
		}
		key, err := base64.StdEncoding.Strict().DecodeString(encoded)
		ascending := len(out) == 0 && v.number > 0 || len(out) > 0 && v.number > out[len(out)-1].number
		if err != nil || len(key) != keySize || !ascending {
			return nil, fmt.Errorf("the root key file %s, line %d: not a root key: %w", path, n, ErrCorrupt)
		}
		v.key = key
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the root key file %s holds no key: %w", path, ErrCorrupt)
	}
	return out, nil
}

func writeRootFile(path string, versions []rootVersion) error {
	text := []byte(rootFileNote)
	for _, v := range versions {
		text = fmt.Appendf(text, "%d %s\n", v.number, base64.StdEncoding.EncodeToString(v.key))
	}
	defer clear(text)
	if err := replaceFile(path, text); err != nil {
		return fmt.Errorf("write the root key file: %w", err)
	}
	return nil
}

// replaceFile leaves either the old file or the new one, whole and on disk. The
// temporary name is random and opened exclusively, so it can't be a link that
// someone has laid in the way.
func replaceFile(path string, content []byte) error {
	tmp := path + "." + rand.Text()
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // beside the file that the operator names
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // where the operator keeps the file
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
