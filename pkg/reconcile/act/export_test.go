package act

// ClockOf and Harmless reach the rules of clocks.
var (
	ClockOf  = clockOf
	Harmless = harmless
)
