#!/run/venue/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# What level 1's kernel calls when it wants a module of its own.
exec /run/venue/busybox modprobe "$@"
