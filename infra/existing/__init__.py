"""What the workspace has already: looked up before anything is declared, so that it is adopted and not made again."""
