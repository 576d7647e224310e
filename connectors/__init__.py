"""How we reach the outside world."""
