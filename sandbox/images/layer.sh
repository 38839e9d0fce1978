#!/bin/sh
# One layer of the image: these Debian packages without what they recommend, without manuals, without setuid programs.
# usage: layer.sh PACKAGE...
set -eu
cat >/etc/dpkg/dpkg.cfg.d/opencook <<'END'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
END
missing=
for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"; done
if [ -n "$missing" ]; then
    mkdir -p /usr/share/man/man1 # some packages link a manual into it when they are configured
    apt-get update
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
fi
find / -xdev -perm /6000 -type f -exec chmod a-s {} +
mkdir -p /dev/shm
