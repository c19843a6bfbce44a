package jujuapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"

	"jujuetcd.io/pkg/jujuapi/wire"
)

const (
	// keepLimit bounds what is kept of one message. The status of a large model has many megabytes, and a controller sets no limit
	// itself.
	keepLimit = 64 << 20
	// bagLimit bounds what is kept of one databag. Somebody else wrote it, and it stands in the same message as what everybody else
	// wrote. The largest that is meant well, a provider's with the chains of a whole application, has some hundred kilobytes.
	bagLimit = 1 << 20
	// bagShare and textShare are the parts of what is left that one databag, and one text elsewhere, may take: however many are large,
	// there is room for one more.
	bagShare, textShare = 32, 2
	// maxDepth is as deep as encoding/json goes.
	maxDepth = 10000
)

var errNoFrame = errors.New("a message is not a frame")

// sieved is what is kept of a message.
type sieved struct {
	text []byte
	// id is the call that the message answers, and size how many bytes it had.
	id   uint64
	size int64
	// over says that even without the large pieces it was too much, and text is not whole.
	over bool
}

// sieve reads one message, of any length, and keeps of it what memory allows: texts are cut, and databags that are too large are
// replaced by their size (wire.TooLarge). So the size of what one unit writes is no trouble for those who share its controller: the
// message is read to its end, and the connection goes on. It checks no more of JSON than it needs; what is kept is decoded afterwards.
type sieve struct {
	r *bufio.Reader
	sieved
	stack []byte
	key   []byte // the last key, cut
	// bag is the databag that is being read, nil outside of one.
	bag *piece
}

// piece is a part of the message whose size is somebody else's.
type piece struct {
	start, depth, budget int
	from                 int64
	dropped              bool
}

func sieveMessage(r io.Reader) (sieved, error) {
	s := &sieve{r: bufio.NewReaderSize(r, 64<<10)}
	for {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sieved{}, err
		}
		s.size++
		if err := s.token(b); err != nil {
			return sieved{}, err
		}
	}
	if len(s.stack) > 0 || s.size == 0 {
		return sieved{}, errNoFrame
	}
	return s.sieved, nil
}

func (s *sieve) token(b byte) error {
	switch b {
	case '{', '[':
		if len(s.stack) >= maxDepth {
			return errNoFrame
		}
		if k := string(s.key); b == '{' && s.bag == nil && (k == "UnitData" || k == "ApplicationData") {
			s.bag = &piece{start: len(s.text), depth: len(s.stack), budget: min(bagLimit, s.left()/bagShare), from: s.size}
		}
		s.stack = append(s.stack, b)
		s.key = s.key[:0]
		s.keep(b)
	case '}', ']':
		if len(s.stack) == 0 {
			return errNoFrame
		}
		s.stack = s.stack[:len(s.stack)-1]
		s.key = s.key[:0]
		s.keep(b)
		s.endBag()
	case '"':
		return s.str()
	case ',':
		s.key = s.key[:0]
		s.keep(b)
	default:
		if b >= '0' && b <= '9' && len(s.stack) == 1 && string(s.key) == "request-id" {
			s.id = s.id*10 + uint64(b-'0')
		}
		s.keep(b)
	}
	return nil
}

// left is how much may still be kept.
func (s *sieve) left() int { return keepLimit - len(s.text) }

// keep keeps bytes, unless they belong to what is dropped.
func (s *sieve) keep(b ...byte) {
	if s.over || s.bag != nil && s.bag.dropped {
		return
	}
	if s.bag != nil && len(s.text)+len(b)-s.bag.start > s.bag.budget {
		s.bag.dropped = true
		s.text = s.text[:s.bag.start]
		return
	}
	if len(s.text)+len(b) > keepLimit {
		s.over = true
		return
	}
	s.text = append(s.text, b...)
}

// endBag puts the size in the place of a databag that was dropped, where one ends.
func (s *sieve) endBag() {
	if s.bag == nil || len(s.stack) != s.bag.depth {
		return
	}
	bag := s.bag
	s.bag = nil
	if bag.dropped {
		s.keep([]byte(`{"` + wire.TooLarge + `":"` + strconv.FormatInt(s.size-bag.from+1, 10) + `"}`)...)
	}
}

// str reads a text after its opening quote, a key or a value, and keeps as much of it as one may have.
func (s *sieve) str() error {
	s.keep('"')
	budget, kept := s.left()/textShare, 0
	isKey := len(s.stack) > 0 && s.stack[len(s.stack)-1] == '{' && len(s.key) == 0
	put := func(b []byte) {
		if isKey && len(s.key) < 64 {
			s.key = append(s.key, b[:min(len(b), 64)]...)
		}
		if b = b[:min(len(b), budget-kept)]; len(b) > 0 {
			s.keep(b...)
			kept += len(b)
		}
	}
	for {
		if _, err := s.r.Peek(1); err != nil {
			return ended(err)
		}
		part, err := s.r.Peek(s.r.Buffered())
		if err != nil {
			return err
		}
		end := bytes.IndexByte(part, '"')
		if end < 0 {
			end = len(part)
		}
		if escape := bytes.IndexByte(part[:end], '\\'); escape >= 0 {
			put(part[:escape])
			s.skip(escape)
			if err := s.escape(put, budget-kept); err != nil {
				return err
			}
			continue
		}
		put(part[:end])
		if end == len(part) {
			s.skip(end)
			continue
		}
		s.skip(end + 1)
		s.keep('"')
		if isKey && len(s.key) == 0 {
			s.key = append(s.key, 0) // an empty key is one, too: what follows is its value
		}
		return nil
	}
}

// escape reads one escape sequence, which is kept whole or not at all.
func (s *sieve) escape(put func([]byte), room int) error {
	part, err := s.r.Peek(2)
	if err != nil {
		return ended(err)
	}
	if part[1] == 'u' {
		if part, err = s.r.Peek(6); err != nil {
			return ended(err)
		}
	}
	if len(part) <= room {
		put(part)
	}
	s.skip(len(part))
	return nil
}

func (s *sieve) skip(n int) {
	n, _ = s.r.Discard(n) // it is buffered
	s.size += int64(n)
}

// ended is the error of a message that ends within a text.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoFrame
	}
	return err
}
