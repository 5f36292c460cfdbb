"""The pictures of a night: each takes frames and a width in pixels and gives an SVG as text."""
