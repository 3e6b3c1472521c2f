"""``medclip bundle inspect | verify``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from medclip.cli.arguments import Parser

__all__ = ["main"]


def main(given: Sequence[str]) -> int:
    """Print what a bundle is, after checking every file against its manifest."""
    parser = Parser(
        prog="medclip bundle",
        description="Show what a bundle holds; every file is checked against its checksum first.",
        example="medclip bundle inspect runs/demo/bundle",
    )
    parser.add_argument("action", choices=["inspect", "verify"], help="inspect prints, verify only checks")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that medclip fit or medclip demo saved")
    parser.add_argument("--json", action="store_true", help="print bundle.json as it is")
    args = parser.parse_args(given[1:])

    from medclip.bundle.manifest import bundle_digest, check_files, read_bundle_file

    described = read_bundle_file(args.bundle)
    check_files(args.bundle)
    if args.action == "verify":
        print(f"{args.bundle}: every file is as it was saved")
    elif args.json:
        print(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        print((args.bundle / "README.md").read_text(encoding="utf-8"))
        print(f"sha256 {bundle_digest(args.bundle)}; every file is as it was saved")
    return 0
