"""The rooms: one file per layer, each with its data sheet, its equation and perhaps a kernel written by hand.

A room is found by its file name (scratchgrad.registry scans this folder): no list of layers is kept here.
"""
