"""Slipway's core: pure decisions in `domain`, AWS in `gateways`, both joined once."""
