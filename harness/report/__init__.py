"""The page about a comparison: what it holds, how it is drawn, and the one file that comes out."""
