"""Writes the tables of `docs/flags.md` anew: `python -m flags`."""

from flags.reference import PAGE, updated

if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.name}")
