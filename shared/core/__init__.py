"""Values and laws. No clock, no I/O, no logging."""
