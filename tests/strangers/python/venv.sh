#!/bin/sh
# venv.sh FOLDER: a Python with the packages of requirements.txt, made once for all tests, and owned by whoever owns the
# place it is in. A mark tells a finished one from one that was interrupted.
set -eu
folder=$1 wanted=$(dirname "$0")/requirements.txt
exec 9>"$folder.lock"
flock 9
cmp -s "$wanted" "$folder/requirements.txt" && exit
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$folder/requirements.txt"
chown -R --reference="$(dirname "$folder")" "$folder" "$folder.lock"
