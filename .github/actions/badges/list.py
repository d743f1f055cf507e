"""Print the packages.toml that the inputs $PACKAGES and $CONFIG come to, or exit with what to do.

Without packages it reads the caller's packages.toml or pyproject.toml.
"""

import os
import sys
import tomllib

names = os.environ["PACKAGES"].split()
config = os.environ["CONFIG"]
text = sys.stdin.read()
if text and config:
    print(text)
    sys.exit()
names = names or [tomllib.loads(text).get("project", {}).get("name")]
if names == [None]:
    why = f"{config or 'pyproject.toml'} names no project: name the packages, after packages:"
    sys.exit(f"::error title=Nothing was done::{why}")
for name in names:
    print(f'[[package]]\nname = "{name}"\n')
