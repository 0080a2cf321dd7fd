"""The only code that knows Azure's client libraries, the environment and the clock."""
