"""Tables of numbers in any file format: names, columns, and what is left out."""
