"""How good results are."""
