package hostcall

import (
	"time"

	"github.com/sluice-gateway/sluice/abi"
)

var clock = []function{
	{name: abi.ImportGetCurrentTimeNanoseconds, args: "W", body: getCurrentTime, unrestricted: true},
	{name: abi.ImportSetTickPeriodMilliseconds, args: "v", body: setTickPeriod, charges: true},
}

// proxy_get_current_time_nanoseconds(*time), since 1970. Deprecated in favour
// of WASI's clock, which guests are given too.
func getCurrentTime(c call) abi.Status { return c.putU64(0, uint64(time.Now().UnixNano())) }

// proxy_set_tick_period_milliseconds(period): 0 stops the ticks.
func setTickPeriod(c call) abi.Status {
	if !c.charge(0, timerUnits) {
		return abi.StatusInternalFailure
	}
	return c.caller.Current().SetTickPeriod(c.u32(0))
}
