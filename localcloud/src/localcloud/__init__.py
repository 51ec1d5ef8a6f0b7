"""The parts of AWS that Slipway uses, in one process and on one clock."""
