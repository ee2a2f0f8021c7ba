"""Definition to derivation: an ordered tree of named, cited steps, whose value is the result."""
