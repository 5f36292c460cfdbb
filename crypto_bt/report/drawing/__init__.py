"""Charts as SVG, drawn by hand: no library, no font file, no script; the same input gives the same bytes."""
