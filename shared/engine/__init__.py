"""The imperative shell: decide and open, carry out, sweep."""
