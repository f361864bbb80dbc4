. "$(dirname "$0")/../functions.sh"
chmod 777 "$T"
cp "$HERE"/files/* "$T/"
make() { once -v "$T:/data" "$FAT" --quiet "$@"; } # an input, made by the source image
make in.md -o in.docx
make in.md -o in.odt
make in.md -o in.epub -M title=Book
make in.md -s -M title=Page -o in.html
make in.md -s -o in.tex
make in.md -o in.rst
make in.md -o in.ipynb
make -o custom.docx --print-default-data-file reference.docx
make -o custom.odt --print-default-data-file reference.odt
make -o slides-style.pptx --print-default-data-file reference.pptx

# Documents have the time of their making.
pandoc() { once -v "$T:/data" -e SOURCE_DATE_EPOCH=1000000000 "${more[@]}" "$IMAGE" "$@"; }
to() { pandoc in.md -s -M title=Page "$@" | cksum; } # the checksum of what is written
# parts FILE WORD...: convert to FILE, an archive, and its members, with the words that the source image finds in it
parts() {
  local out=$1
  shift
  rm -f "$T/$out"
  pandoc -o "$out" "$@" || return
  python3 -m zipfile -l "$T/$out" | awk 'NR > 1 { print $1 }' | sort | cksum
  case $out in *.pptx) ;; *) make "$out" -t plain | cksum ;; esac
}
# xml FILE MEMBER: a member of an archive that was written
xml() { python3 -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())' "$T/$1" "$2"; }
more=()

use default once "$IMAGE"
use version eval 'pandoc --version | head -n 1'
use help eval 'pandoc --help | wc -l'
use list-formats eval 'pandoc --list-output-formats | cksum; pandoc --list-input-formats | cksum; pandoc --list-extensions=gfm | cksum'
use list-highlighting eval 'pandoc --list-highlight-languages | cksum; pandoc --list-highlight-styles'
use md-to-html pandoc in.md
use stdin-to-stdout eval 'echo "# Hello *World*" | docker run --rm -i --label "$LABEL" "$IMAGE" -f markdown -t html5'
use gfm pandoc -f gfm -t html short.md
use commonmark pandoc -f commonmark_x -t html short.md
use standalone-html to -t html5 --toc --number-sections --section-divs
use html-css to -t html --css style.css -V lang=de
use self-contained eval 'pandoc in.md -s --self-contained --css style.css -M title=Page | cksum'
use highlight-tango to -t html --highlight-style tango
use highlight-own-theme eval 'pandoc --print-highlight-style pygments >"$T/own.theme"; wc -l <"$T/own.theme"; to -t html --highlight-style own.theme'
use syntax-definition to -t html --syntax-definition own-syntax.xml
use mathml to -t html --mathml
use mathjax to -t html --mathjax
use docx eval 'parts out.docx in.md --toc -M lang=de; xml out.docx word/document.xml | grep -c TOC'
use docx-reference parts out.docx in.md --reference-doc custom.docx
use docx-to-md eval 'pandoc in.docx -t markdown --extract-media media | cksum; ls "$T/media/media" | wc -l'
use odt parts out.odt in.md --toc
use odt-reference parts out.odt in.md --reference-doc custom.odt
use odt-to-html pandoc in.odt -t html
use epub parts out.epub in.md -M title=Book -M identifier=urn:x --toc --epub-cover-image picture.png
use epub2 parts out.epub -t epub2 in.md -M title=Book -M identifier=urn:x
use epub-css parts out.epub in.md -M title=Book --css style.css --epub-chapter-level 2
use epub-to-plain pandoc in.epub -t plain
use pptx eval 'parts out.pptx slides.md'
use pptx-reference eval 'parts out.pptx slides.md --reference-doc slides-style.pptx'
use revealjs eval 'pandoc slides.md -t revealjs -s -V theme=moon | cksum'
use beamer eval 'pandoc slides.md -t beamer -s | cksum'
use other-slides eval 'for kind in slidy s5 dzslides slideous; do pandoc slides.md -t $kind -s | cksum; done'
use latex to -t latex
use latex-german to -t latex -V lang=de -V documentclass=report
use context-and-ms to -t context
use man to -t man
use asciidoc to -t asciidoc
use docbook to -t docbook5
use jats to -t jats
use tei to -t tei
use fb2 to -t fb2
use rtf to -t rtf
use icml to -t icml
use wikis eval 'for kind in mediawiki dokuwiki jira textile org muse zimwiki; do pandoc in.md -t $kind | cksum; done'
use rst-to-md pandoc in.rst -t gfm
use latex-to-html pandoc in.tex -t html
use html-to-md pandoc in.html -t markdown_strict
use ipynb-to-md eval 'pandoc in.ipynb -t markdown | grep -v "^:::"'
use md-to-ipynb eval 'pandoc in.md -t ipynb | wc -l'
use csv pandoc table.csv -t markdown
use ast eval 'pandoc in.md -t json | cksum; pandoc in.md -t native | cksum'
use template pandoc short.md --template own.html -V author=me
use default-template eval 'for kind in latex html5 docbook5 man epub3 revealjs ms; do pandoc -D $kind | wc -l; done'
use data-files eval 'pandoc --print-default-data-file sample.lua | cksum; pandoc --print-default-data-file abbreviations | cksum; pandoc --print-default-data-file epub.css | cksum'
use lua-filter pandoc short.md --lua-filter upper.lua -t html
use lua-modules pandoc short.md --lua-filter modules.lua -t plain
use lua-writer eval 'pandoc --print-default-data-file sample.lua >"$T/sample.lua"; pandoc short.md -t sample.lua'
use citeproc pandoc cites.md --citeproc --bibliography refs.bib -t plain
use citeproc-csl pandoc cites.md --citeproc --bibliography refs.bib --csl own.csl -t plain
use citeproc-locale pandoc cites.md --citeproc --bibliography refs.bib -M lang=de -t plain
use natbib pandoc cites.md --natbib --bibliography refs.bib -t latex
use csljson pandoc refs.bib -t csljson
use bibliography pandoc refs.bib -f bibtex -s -t markdown
use defaults-file pandoc --defaults defaults.yaml short.md
use metadata-file pandoc short.md -s -t plain --metadata-file meta.yaml
use abbreviations pandoc short.md -t native
use svg-in-docx eval 'parts out.docx svg.md; python3 -m zipfile -l "$T/out.docx" | grep -c "media/.*png"'
use svg-in-latex eval 'pandoc svg.md -t latex'
use several-files eval 'pandoc short.md slides.md -t html --file-scope | cksum'
use write-to-mount eval 'pandoc short.md -o written.html; stat -c %u "$T/written.html"; cksum <"$T/written.html"'
use shift-headings pandoc short.md -t html --shift-heading-level-by=1 --id-prefix=x-
use wrong-file pandoc missing.md
use wrong-format pandoc short.md -t nothing
use no-pdf-engine pandoc short.md -o out.pdf
use log eval 'pandoc in.md --verbose -t plain -o out.txt --log log.json; wc -l <"$T/log.json"'
use rsvg-convert eval 'once -v "$T:/data" --entrypoint rsvg-convert "$IMAGE" -w 40 drawing.svg -o drawing.png; head -c 4 "$T/drawing.png" | tail -c 3'
more=(--user 1000:1000)
use user parts user.docx in.md
more=(--read-only --tmpfs /tmp)
use read-only parts out.epub in.md -M title=Book -M identifier=urn:x
more=(-e LANG=C.UTF-8 -e TZ=Europe/Berlin --network none)
use utf-8 eval 'printf "# Grüße → ✓\n\n日本語\n" >"$T/utf.md"; pandoc utf.md -t html; pandoc utf.md -t latex'
