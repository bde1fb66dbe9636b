"""A folder of results to attack: an old run, a new one, and what a user keeps beside them."""

from __future__ import annotations

from pathlib import Path

from klbench.files.folder import claim

OLD: dict[str, str | None] = {"results.csv": "old\n", "components.csv": "old\n", "manifest.json": "old\n"}
NEW: dict[str, str | None] = {"results.csv": "new\n", "components.csv": None, "manifest.json": "neu ‖\n", "s.yaml": "1"}
NAMES = OLD.keys() | NEW.keys()
OTHERS = {"notes.txt": "mine", "figures/a.svg": "drawn", "figures/deep/b.svg": "drawn too", "link": "-> notes.txt"}


def write(folder: Path, files: dict[str, str | None]) -> None:
    """What a run does with its folder."""
    with claim(folder, NAMES) as claimed:
        claimed.write(files)


def add_others(folder: Path) -> None:
    """Put a user's files into a folder that is there: a file, a folder of files, a link."""
    (folder / "figures" / "deep").mkdir(parents=True)
    for name, text in OTHERS.items():
        if name != "link":
            (folder / name).write_text(text)
    (folder / "link").symlink_to("notes.txt")


def contents(folder: Path) -> dict[str, str]:
    """What every file under a folder says, and where every link leads, by its name from there."""
    return {
        path.relative_to(folder).as_posix(): f"-> {path.readlink()}" if path.is_symlink() else path.read_text("utf-8")
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def of_run(files: dict[str, str | None]) -> dict[str, str]:
    """The files that a run leaves."""
    return {name: text for name, text in files.items() if text is not None}


def which(folder: Path) -> str:
    """Whose results a folder holds: ``old``, ``new``, ``none``; ``mixed`` where it is of no one run."""
    found = {name: text for name, text in contents(folder).items() if name in NAMES} if folder.exists() else {}
    known = {"none": {}, "old": of_run(OLD), "new": of_run(NEW)}
    return next((name for name, files in known.items() if files == found), "mixed")
