#!/bin/sh
# A Debian base image made from Debian packages, for machines without an image registry.
# usage: bootstrap.sh SUITE FOLDER TAG     (as root, with debootstrap and a Docker engine; FOLDER is scratch)
set -eu
suite=$1 folder=$2 tag=$3
debootstrap --variant=minbase --include=python3 "$suite" "$folder" >"$folder.log" 2>&1 || {
    tail -n 3 "$folder.log" >&2
    exit 1
}
tar -C "$folder" --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' --exclude='./dev/*' -c . |
    docker import - "$tag" >/dev/null
