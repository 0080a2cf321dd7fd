"""Benchmarks: each a program of its own, all figures as ratios or with their base."""
