"""From image files to pixels: all that a process needs that decodes a share of them.

It stands apart from `harness.data`, and imports nothing but Pillow, so that workers start quickly.
"""
