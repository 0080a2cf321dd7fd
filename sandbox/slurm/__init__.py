"""A real Slurm on this machine: a controller, three nodes and its REST server.

``image`` makes the system that they run in, once; ``lab`` starts and ends them. Nothing of
it ships, and nothing of it is a stand-in: the programs are Debian's.
"""
