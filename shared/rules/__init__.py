"""The rule language: YAML and CEL in, an immutable rule book out.

Pure: texts are handed in by an adapter, moments by the engine. ``book`` and
``conditions`` are what the engine sees; ``loading`` is imported once, when rules load.
"""
