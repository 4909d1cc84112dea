"""`python -m sophia_kit` is `sophia`."""

from sophia_kit.cli import main

if __name__ == "__main__":
    main()
