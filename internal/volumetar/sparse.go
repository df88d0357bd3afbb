package volumetar

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// piece is a stretch of a file that has data.
type piece struct{ offset, length int64 }

// dataOf asks the file system where a file has data. All of it, when that can't be told or takes too many words.
func dataOf(f *os.File, size int64) []piece {
	whole := []piece{{0, size}}
	pieces := []piece{}
	for at := int64(0); at < size; {
		from, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole to the end
			return pieces
		}
		if err != nil {
			return whole
		}
		to, err := f.Seek(from, unix.SEEK_HOLE)
		if err != nil || len(pieces) == maxPieces {
			return whole
		}
		to = min(to, size)
		if from >= to {
			return pieces
		}
		pieces = append(pieces, piece{from, to - from})
		at = to
	}
	return pieces
}

func describe(size int64, pieces []piece) string {
	out := strconv.AppendInt(nil, size, 10)
	for _, p := range pieces {
		out = strconv.AppendInt(append(out, ','), p.offset, 10)
		out = strconv.AppendInt(append(out, ','), p.length, 10)
	}
	return string(out)
}

var errSparse = errors.New("its record of holes makes no sense")

// undescribe reads what describe wrote; body is how much data there is.
func undescribe(record string, body int64) (size int64, pieces []piece, err error) {
	var numbers []int64
	for part := range strings.SplitSeq(record, ",") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 0 {
			return 0, nil, errSparse
		}
		numbers = append(numbers, n)
	}
	if len(numbers)%2 == 0 {
		return 0, nil, errSparse
	}
	size = numbers[0]
	end := int64(0)
	for i := 1; i < len(numbers); i += 2 {
		p := piece{numbers[i], numbers[i+1]}
		if p.offset < end || p.length > size-p.offset {
			return 0, nil, errSparse
		}
		end, body = p.offset+p.length, body-p.length
		pieces = append(pieces, p)
	}
	if body != 0 {
		return 0, nil, errSparse
	}
	return size, pieces, nil
}
