#!/usr/bin/env bash
# Makes the window's fonts anew from the texts under assets/i18n. Run it by hand after a text was changed or a language
# added; the build does not run it. Needs pyftsubset (Python package fonttools) and Noto fonts (Debian packages
# fonts-noto-core, fonts-noto-cjk); NOTO_SANS and NOTO_CJK name other places of them.
# usage: assets/fonts/make.sh
set -euo pipefail
cd "$(dirname "$0")"
sans=${NOTO_SANS:-/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf}
cjk=${NOTO_CJK:-/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
subset() { pyftsubset "$@" --notdef-outline --name-IDs=0,1,2,3,4,5,6,13,14; ls -l "${!##--output-file=}" | awk '{print $5, $NF}'; }

# Every language in Latin, Greek or Cyrillic letters: also release notes and names of files are written in them.
letters=U+0020-007E,U+00A0-017F,U+0192,U+0218-021B,U+0386-03CE,U+0400-045F,U+0490-0491,U+1E9E
marks=U+2009,U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+202F,U+2030,U+2032-2033,U+2039-203A,U+20AC,U+2116,U+2122,U+2212
# Without instructions: the painter hints by itself, in a fraction of the time that theirs take.
subset "$sans" --unicodes="$letters,$marks" --layout-features=kern --no-hinting --output-file=latin.ttf

# Chinese and Japanese: what our own texts need, each in its own forms, and the usual punctuation.
east() { # face of the collection, name, files...
  local face=$1 name=$2; shift 2
  { cat "$@"; printf '%s' '、。〈〉《》「」『』【】〔〕·（）！？，．：；～／￥　'; } > "$work/all"
  # Letters below U+2000 and what latin.ttf has of the marks come from there.
  python3 -c '
import sys
keep = {c for c in open(sys.argv[1], encoding="utf-8").read() if ord(c) >= 0x3000 or c in "…—–‘’“”•"}
open(sys.argv[2], "w", encoding="utf-8").write("".join(sorted(keep)))' "$work/all" "$work/$name"
  subset "$cjk" --font-number="$face" --text-file="$work/$name" --layout-features= --no-hinting --desubroutinize \
    --drop-tables+=GSUB,GPOS,vhea,vmtx,VORG,BASE --output-file="$name.otf"
}
east 2 zh-CN ../i18n/zh-CN.ftl
east 3 zh-TW ../i18n/zh-TW.ftl
east 0 ja ../i18n/ja.ftl
