"""A local stand-in for Azure's REST endpoints: one stateful HTTPS server over a world.

A test double, and it says so: it answers what the real SDK clients ask and keeps
state between the calls, it never ships, and nothing deployed imports it.
``python -m sandbox.azure`` starts it; ``sandbox/README.md`` describes the world.
"""
