"""The actors: what lives as long as an object, an account or the process does (DESIGN §3)."""
