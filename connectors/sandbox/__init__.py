"""Embedded trackers that speak the real wire on loopback, with faults on request."""
