"""``python -m firstparty`` is the command line."""

from firstparty.cli.main import main

if __name__ == "__main__":
    main()
