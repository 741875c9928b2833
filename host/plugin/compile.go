package plugin

import (
	"context"

	"github.com/sluice-gateway/sluice/host/vm"
)

// What a tenant uploads has to be compiled, which takes a processor, and which its filters' fuel
// does not count. Who uploads one module after the other would have that processor for himself. So
// compiling has an allowance of its own for each tenant: its filters that are in service pay
// nothing of it.
//
// What a tenant has when the gateway begins to know it is compiled for nothing, each filter
// once: whoever starts a gateway has chosen what is there.
const (
	compileBurst = 4 // seconds' allowance that compiling may take at once, and
	compilePart  = 5 // the part of a second's, one in so many, that it has in each second
)

// compile compiles the filter. That of a tenant waits until its tenant may have it compiled, and
// until no other stranger's is being compiled; of each tenant one stands in that queue.
func (o *Options) compile(ctx context.Context, engine *vm.Engine) (*vm.Module, error) {
	if o.Tenant == nil {
		return engine.Compile(ctx, o.Name, o.Code)
	}
	stranger := vm.Stranger{Party: o.Tenant.Name()}
	if again := o.History.compiled.Swap(true); !o.FreeStart && (again || !o.Tenant.isNew) && o.Tenant.compiles != nil {
		stranger.Payer = o.Tenant.compiles
	}
	return engine.CompileInTurn(ctx, o.Name, o.Code, stranger)
}
