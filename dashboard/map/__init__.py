"""What the page Map needs besides: its component, colours, shapes, and how a map is made."""
