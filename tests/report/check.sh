#!/bin/sh
# SPDX-License-Identifier: MIT
# Looks at a report in a headless Chromium, as wide as a desk and as narrow as a phone, on light and
# on dark ground: no script error, every plot drawn and shown once, nothing wider than the page. The
# figures in it are made up (samples.awk), so that all plots have some. Screenshots stay in
# BUILD/report.
#
#	check.sh BUILD
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$1" && pwd)/report
plots=16 # as many as page.c shows when there is data for all
# shellcheck source=tests/results.sh
. "$here/../results.sh"

if ! command -v chromium >/dev/null; then
	skip report "chromium is not installed"
	results
	exit
fi
rm -rf "$dir"
mkdir -p "$dir"
awk -f "$here/samples.awk" </dev/null | gzip >"$dir/samples.jsonl.gz"
cp "$here/look.html" "$dir/"
"$dir/../tinybench" report "$dir" >"$dir/table.txt" || {
	fail "tinybench report" "status $?"
	results
	exit
}

browse() { # ARGUMENTS...
	timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
		--user-data-dir="$dir/profile" --enable-logging=stderr --virtual-time-budget=20000 "$@" 2>"$dir/log"
}

for width in 1280 390; do
	for ground in light dark; do
		name="the report at $width pixels, $ground"
		dark=
		[ "$ground" = light ] || dark=--blink-settings=preferredColorScheme=0
		# shellcheck disable=SC2086 # an option or none
		browse $dark --dump-dom "file://$dir/look.html?$width" >"$dir/dom.html"
		verdict=$(sed -n 's/.*<pre id="verdict">\([^<]*\)<.*/\1/p' "$dir/dom.html")
		if [ "$verdict" != "$plots figures at $width; well" ]; then
			fail "$name" "${verdict:-no verdict; $(tail -n 1 "$dir/log")}"
		elif grep -q ':CONSOLE' "$dir/log"; then
			fail "$name" "$(grep -m 1 ':CONSOLE' "$dir/log")"
		else
			ok "$name"
		fi
		# shellcheck disable=SC2086
		browse $dark --window-size="$width,2400" --screenshot="$dir/$width-$ground.png" \
			"file://$dir/look.html?$width" >/dev/null
		[ -s "$dir/$width-$ground.png" ] || fail "$name" "no screenshot"
	done
done
rm -rf "$dir/profile"
results
