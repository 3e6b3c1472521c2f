#!/bin/sh
# Make a virtual environment with medclip in it; doing it twice changes nothing.
#
#   scripts/install.sh VENV [EXTRA]        e.g. scripts/install.sh .venv test
#
# torch comes first: left to itself, pip takes the newest CUDA build with several gigabytes of libraries, GPU or not.
# Without a GPU the CPU build is taken from where pip is set to look for files, else from PyTorch's own CPU index.
set -eu
venv=$1
extra=${2:-}
python=${PYTHON:-python3}
cd "$(dirname "$0")/.."

"$python" - <<'EOF'
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"medclip needs Python 3.11 to 3.13, this is {sys.version.split()[0]}: set PYTHON=/path/to/python3.12")
EOF

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
py="$venv/bin/python"
torch=$(grep '^torch==' constraints.txt)

if ! "$py" -c 'import torch' 2>/dev/null; then
    if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1; then
        echo "GPU found: installing the default build of $torch"
    elif "$py" -m pip install -q --no-index --no-deps "$torch" 2>/dev/null; then
        echo "installed $torch from a local file"
    elif [ "$(uname)" = Linux ] && "$py" -c "
import urllib.request
urllib.request.urlopen('https://download.pytorch.org/whl/cpu/torch/', timeout=10)" 2>/dev/null; then
        "$py" -m pip install -q --index-url https://download.pytorch.org/whl/cpu "$torch"
    fi
fi

what=".${extra:+[$extra]}"
if "$py" -m pip install -q uv 2>/dev/null; then
    "$py" -m uv pip install -q --python "$py" --compile-bytecode -c constraints.txt -e "$what"
else
    "$py" -m pip install -q -c constraints.txt -e "$what"
fi
