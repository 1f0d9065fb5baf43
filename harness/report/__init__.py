"""The page about a comparison: what it holds, how it is drawn, and the one file that comes out."""

from harness.report.content import Content
from harness.report.verdict import sentence

__all__ = ["Content", "sentence"]
