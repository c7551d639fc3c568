"""Runs what a recipe prints: `test-recipes.py RECIPE.md FOLDER`. scripts/test-recipes says how."""

import re
import subprocess
import sys
from pathlib import Path

FENCE = re.compile(r"^```(\S*)[ \t]*(.*?)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
# Says of a failure in which block of the recipe it was.
PROLOGUE = """set -euo pipefail
trap 'code=$?; [ "$code" = 0 ] || echo "$recipe:$line: the block that begins here failed" >&2' EXIT
"""


def main(recipe: Path, folder: Path) -> int:
    text = recipe.read_text(encoding="utf-8")
    program = [PROLOGUE]
    for block in FENCE.finditer(text):
        language, file, content = block.groups()
        line = text.count("\n", 0, block.start()) + 1
        if file:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        elif language == "sh":
            program.append(f"recipe={recipe} line={line}\n{content}")
    if len(program) == 1:
        sys.exit(f"{recipe} runs nothing: it has no `sh` block")
    return subprocess.run(["bash", "-c", "".join(program)], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
