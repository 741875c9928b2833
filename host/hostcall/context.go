package hostcall

import "github.com/sluice-gateway/sluice/abi"

var contexts = []function{
	{name: abi.ImportSetEffectiveContext, args: "v", body: setEffectiveContext},
	{name: abi.ImportDone, args: "", body: done},
}

// proxy_set_effective_context(context): BAD_ARGUMENT for an unknown one.
func setEffectiveContext(c call) abi.Status { return c.caller.SetEffective(c.u32(0)) }

// proxy_done(): NOT_FOUND when proxy_on_done did not ask for more time.
func done(c call) abi.Status { return c.caller.Current().ContextDone() }
