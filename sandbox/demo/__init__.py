"""The demo: four platform events, from the feed to a remediation read back from the world."""
