"""One module a trigger kind: parse, hand to the engine, reply. No decisions live here."""
