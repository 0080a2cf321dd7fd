"""In-memory ports. Fakes keep state; they never record expectations."""
