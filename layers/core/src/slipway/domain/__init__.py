"""What Slipway decides, without a clock, a network or an environment."""
