"""Models: all of timm's, and small ones in timm's registry."""
