"""What single vehicles do: impossible jumps, low batteries."""
