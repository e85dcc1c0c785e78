"""Models: every timm name, and small ones registered with timm's own registry."""
