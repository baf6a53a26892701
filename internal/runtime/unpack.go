package runtime

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Bounds of a deployment package (Lambda Developer Guide, "Lambda quotas").
const (
	// MaxUnzipped is what the files of a package may add up to, in bytes.
	MaxUnzipped = 250 << 20
	maxEntries  = 100_000
)

// ErrPackage is what is wrong with a deployment package.
var ErrPackage = errors.New("Could not unzip uploaded file. Please check your file, then try to upload again.") //nolint:staticcheck // AWS's words

// ErrUnzipped says that the files of a package are too large.
var ErrUnzipped = errors.New("Unzipped size must be smaller than 262144000 bytes") //nolint:staticcheck // AWS's words

// CheckPackage makes sure that a deployment package can be unpacked: that it is a
// ZIP archive within the bounds, all of whose names stay within it.
func CheckPackage(b []byte) error {
	_, err := entries(b)
	return err
}

func entries(b []byte) ([]*zip.File, error) {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(r.File) == 0 || len(r.File) > maxEntries {
		return nil, ErrPackage
	}
	var sum uint64
	for _, f := range r.File {
		name := strings.TrimSuffix(f.Name, "/")
		if name != "." && (!validName(name) || strings.ContainsRune(name, '\\')) {
			return nil, ErrPackage
		}
		if sum += f.UncompressedSize64; f.UncompressedSize64 > MaxUnzipped || sum > MaxUnzipped {
			return nil, ErrUnzipped
		}
	}
	return r.File, nil
}

// validName takes names below the task's directory only.
func validName(name string) bool {
	return name != "" && !path.IsAbs(name) && path.Clean(name) != ".." && !strings.HasPrefix(path.Clean(name), "../") && !strings.ContainsRune(name, 0)
}

// unpack writes a package's files to a new directory, which its user can read and
// not change.
func unpack(b []byte, dir string) error {
	files, err := entries(b)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // the function's user reads it
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // a directory
	left := int64(MaxUnzipped)
	for _, f := range files {
		if left, err = unpackOne(root, f, left); err != nil {
			return fmt.Errorf("unpack %q: %w", f.Name, err)
		}
	}
	return nil
}

// unpackOne writes one file. The root lets nothing out, whatever its name is, and
// links that lead out lead nowhere.
func unpackOne(root *os.Root, f *zip.File, left int64) (int64, error) {
	name := path.Clean(f.Name)
	if f.FileInfo().IsDir() {
		return left, root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return left, err
	}
	r, err := f.Open()
	if err != nil {
		return left, ErrPackage
	}
	defer r.Close() //nolint:errcheck // it was read only
	if f.Mode()&os.ModeSymlink != 0 {
		return left, link(root, r, name)
	}
	mode := os.FileMode(0o444)
	if f.Mode()&0o111 != 0 {
		mode = 0o555
	}
	w, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return left, err
	}
	n, err := io.Copy(w, io.LimitReader(r, left+1))
	if err = errors.Join(err, w.Chmod(mode), w.Close()); err != nil {
		return left, err
	}
	if n > left {
		return left, ErrUnzipped
	}
	return left - n, nil
}

// link makes a symbolic link that stays within the package.
func link(root *os.Root, r io.Reader, name string) error {
	b, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return ErrPackage
	}
	to := string(b)
	if path.IsAbs(to) || !validName(path.Join(path.Dir(name), to)) {
		return ErrPackage
	}
	return root.Symlink(to, name)
}
