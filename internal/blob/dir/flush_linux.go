package dir

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush asks the kernel to begin writing a part of a file. It is a hint: what fails
// here fails again at the sync.
func flush(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE) //nolint:gosec // a descriptor is small
}
