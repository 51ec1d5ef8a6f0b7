"""The demonstration: the local cloud with real processes behind a real Envoy."""
