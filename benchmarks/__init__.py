"""What Slipway costs, in modelled time, AWS calls, state transitions and money."""
