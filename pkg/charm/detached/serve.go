package detached

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Serve is the program of a work: it reads the order from in, which must stay open until the program
// ends, has it carried out, and answers on out. Nobody may listen any more, which is no reason to end.
func Serve[Order, Result any](ctx context.Context, in io.Reader, out io.Writer, do func(context.Context, Order, Tell) Result) error {
	// Not Ignore: the programs that are run would have that from this one.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var order Order
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return fmt.Errorf("cannot read the order: %w", err)
	}
	var mu sync.Mutex
	say := func(l line) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(out).Encode(l)
	}
	result := do(ctx, order, Tell{
		Progress: func(text string) { say(line{Progress: text}) },
		Log:      func(text string) { say(line{Log: text}) },
	})
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("cannot answer: %w", err)
	}
	say(line{Result: text})
	return nil
}
