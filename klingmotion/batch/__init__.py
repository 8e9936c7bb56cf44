"""Many clips at once, in a way that can be killed anywhere and resumed."""
