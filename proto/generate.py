"""Generates the Python code of the schema beside it, or checks that what is committed is current.

With `--check`: generated code equals the committed one, `buf lint` passes, and nothing in the schema breaks readers of
the last commit on the main branch (skipped with a message where there is no such commit).
Generated files are never edited; fields are only ever added.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "src"
BIN = Path(sys.executable).parent
BASES = ("origin/main", "main")


def generate(into: Path) -> None:
    """Writes `*_pb2.py(i)` and `*_pb2_grpc.py(i)` below `into`."""
    schema = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.proto"))
    protoc(into, ("python", "mypy"), schema)
    protoc(into, ("grpc_python", "mypy_grpc"), [name for name in schema if defines_service(SOURCE / name)])


def protoc(into: Path, kinds: tuple[str, ...], schema: list[str]) -> None:
    outputs = [f"--{kind}_out={'quiet:' if 'mypy' in kind else ''}{into}" for kind in kinds]
    plugins = [f"--plugin=protoc-gen-{kind}={BIN / f'protoc-gen-{kind}'}" for kind in kinds if "mypy" in kind]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{SOURCE}", *outputs, *plugins, *schema]
    subprocess.run(command, check=True, cwd=HERE)


def defines_service(schema: Path) -> bool:
    return "\nservice " in schema.read_text(encoding="utf-8")


def generated(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for pattern in ("*_pb2*.py", "*_pb2*.pyi")
        for path in root.rglob(pattern)
    }


def stale() -> list[str]:
    """Names of generated files that are missing, left over, or differ from what the schema gives now."""
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary))
        fresh = generated(Path(temporary))
    committed = generated(SOURCE)
    return sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))


def buf(*arguments: str) -> bool:
    return subprocess.run([BIN / "buf", *arguments], cwd=HERE, check=False).returncode == 0


def breaking() -> bool:
    """Whether the schema breaks readers of the newest commit of the main branch that has one."""
    for base in BASES:
        with tempfile.TemporaryDirectory() as temporary:
            archive = subprocess.run(
                ["git", "archive", base, "buf.yaml", "src"], cwd=HERE, capture_output=True, check=False
            )
            if archive.returncode:
                continue
            subprocess.run(["tar", "-x", "-C", temporary], input=archive.stdout, check=True)
            return not buf("breaking", "--against", temporary)
    sys.stderr.write("no earlier schema on the main branch: compatibility not checked\n")
    return False


def check() -> int:
    problems = [f"{name} is not what the schema gives: run `make proto`" for name in stale()]
    if not buf("lint"):
        problems.append("buf lint failed")
    if breaking():
        problems.append("the schema breaks earlier readers")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when something is not current")
    if parser.parse_args().check:
        return check()
    for name in generated(SOURCE):
        (SOURCE / name).unlink()
    generate(SOURCE)
    shutil.rmtree(SOURCE / "__pycache__", ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
