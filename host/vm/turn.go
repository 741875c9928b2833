package vm

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Compiling cannot be interrupted. A filter takes a tenth of a second, but code can be written that
// takes many, see meter.Options.Complexity. So what it takes at least is told by what there is to
// compile, and paid for before; the rest, when it is known.
const (
	readByte     = 20     // for a byte of a module, to read it twice, rewrite and validate it
	compileByte  = 300    // for a byte of its functions
	compileUnits = 20_000 // for a function
)

// A Payer pays for what strangers have compiled, in units as in Fuel.
type Payer interface {
	// Pay returns when so many units are paid, or with an error when they are not going to be.
	Pay(ctx context.Context, units int64) error
	// Owe pays at once, and leaves a debt where there is not as much.
	Owe(units int64)
}

// A Stranger is who wants code compiled that nobody trusts.
type Stranger struct {
	// Party is whose turn it is: those of one stand behind each other, so that nobody waits for
	// more than one module of each other party.
	Party string
	// Payer is nil where it costs nothing.
	Payer Payer
}

// CompileInTurn is Compile for code of strangers, of which one is compiled at a time, when it is
// paid for. Code that is compiled already costs nothing, and waits for nobody. The error may be the
// payer's, too, or the end of ctx: what is being compiled then is paid for all the same, and has the
// turn until it is over.
func (e *Engine) CompileInTurn(ctx context.Context, name string, source []byte, by Stranger) (*Module, error) {
	c, found, err := e.codeOf(source, false)
	if err != nil {
		return nil, err
	}
	if found {
		return c.module(ctx, name, func() {})
	}
	var paid int64
	if by.Payer != nil {
		if paid, err = e.payFor(ctx, source, by); err != nil {
			return nil, fmt.Errorf("compile %s: %w", name, err)
		}
	}
	if err := e.turns.take(ctx, by.Party); err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	began := time.Now()
	return e.compile(ctx, name, source, func() {
		if by.Payer != nil {
			by.Payer.Owe(max(0, Fuel(time.Since(began))*int64(workers())-paid))
		}
		e.turns.leave()
	})
}

// payFor pays what compiling takes at least. What cannot be compiled is found out for a part of it.
func (e *Engine) payFor(ctx context.Context, source []byte, by Stranger) (paid int64, err error) {
	if err := by.Payer.Pay(ctx, readByte*int64(len(source))); err != nil {
		return 0, err
	}
	if paid, err = e.price(ctx, source, by.Party); err != nil {
		return 0, err
	}
	return paid, by.Payer.Pay(ctx, paid)
}

// price is what it takes at least to compile code, beside reading it. Nobody else waits for the
// payment, so what it is rewritten to is not kept meanwhile: that may be as large as the module.
func (e *Engine) price(ctx context.Context, source []byte, party string) (units int64, err error) {
	if err := e.turns.take(ctx, party); err != nil {
		return 0, err
	}
	defer e.turns.leave()
	defer recovered(&err)
	_, metered, err := e.rewrite(source)
	if err != nil {
		return 0, err
	}
	return compileUnits*int64(metered.Functions) + compileByte*int64(metered.CodeBytes) + int64(metered.Complexity), nil
}

// turns lets one go on at a time, by party.
type turns struct {
	taken chan struct{} // holds whose turn it is

	mu    sync.Mutex // guards what follows
	first map[string]*foremost
}

// foremost has, of those of one party that wait, the one that the others stand behind.
type foremost struct {
	place   chan struct{}
	waiting int
}

func (t *turns) init() {
	t.taken, t.first = make(chan struct{}, 1), make(map[string]*foremost)
}

// take returns when it is one's turn, or with the cause of ctx's end.
func (t *turns) take(ctx context.Context, party string) error {
	t.mu.Lock()
	f := t.first[party]
	if f == nil {
		f = &foremost{place: make(chan struct{}, 1)}
		t.first[party] = f
	}
	f.waiting++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if f.waiting--; f.waiting == 0 {
			delete(t.first, party)
		}
	}()
	if err := put(ctx, f.place); err != nil {
		return err
	}
	defer func() { <-f.place }()
	return put(ctx, t.taken)
}

func (t *turns) leave() { <-t.taken }

func put(ctx context.Context, into chan<- struct{}) error {
	select {
	case into <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("it waited for its turn: %w", context.Cause(ctx))
	}
}
