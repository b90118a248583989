"""Execute every notebook of this folder from a clean kernel; fails at the first cell that fails."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def main() -> None:
    """Execute all, printing the name of each and the last thing it says."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": FOLDER}})
        client.execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        said = outputs[-1].get("text", "").strip() if outputs else ""
        sys.stdout.write(f"{path.name}\n{said}\n")


if __name__ == "__main__":
    main()
