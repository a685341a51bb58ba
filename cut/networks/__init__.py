"""Networks of the paper under their published parameter names; they take plain numbers."""
