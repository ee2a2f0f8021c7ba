"""The language of a definition: indices, tensors, equations.  Text parses into it; it never imports torch."""
