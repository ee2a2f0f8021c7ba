"""Generated kernels, one file a room that has no hand-written one.  `scratchgrad certify NAME --update` writes them."""
