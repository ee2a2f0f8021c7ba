"""Derivation sheets: blocks of text and mathematics, set as LaTeX, as HTML, and as PDF."""
