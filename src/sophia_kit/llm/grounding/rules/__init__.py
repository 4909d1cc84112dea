"""The rules of the check, one a file: each is given the text and the material, and yields what it finds."""
