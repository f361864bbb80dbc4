. "$(dirname "$0")/../functions.sh"
chmod 777 "$T"
cp "$HERE"/samples/* "$T/"
printf '%s\n' page.png german.png >"$T/list.txt"
printf '%s\n' frobnicate Zyxw >"$T/words.txt"
printf '%s\n' '\d\d\d-\d\d' >"$T/patterns.txt"
printf 'tessedit_create_hocr 1\ntessedit_pageseg_mode 6\n' >"$T/own-config"

ocr() { once -v "$T:/app" "${more[@]}" "$IMAGE" "$@"; }
# with PROGRAM WORD...: another program of the image
with() {
  local program=$1
  shift
  once -v "$T:/app" --entrypoint "$program" "$IMAGE" "$@"
}
# to SUFFIX WORD...: write out.SUFFIX, and the checksum and the beginning of it, without names and times
to() {
  local suffix=$1
  shift
  rm -f "$T"/out*
  ocr "$@" || return
  cksum <"$T/out.$suffix"
  head -c 200 "$T/out.$suffix" | tr -d '\000'
}
more=()

use default once "$IMAGE"
use version eval 'ocr --version | grep -vE "Found|libcurl"'
use help-extra eval 'ocr --help-extra | wc -l; ocr --help-psm | wc -l; ocr --help-oem | wc -l'
use list-langs ocr --list-langs
use print-parameters eval 'ocr --print-parameters | wc -l'
use print-fonts-table eval 'ocr -l eng --print-fonts-table 2>&1 | cksum'
use stdout ocr page.png stdout
use text to txt page.png out
use pdf eval 'ocr page.png out pdf; grep -av CreationDate "$T/out.pdf" | cksum'
use pdf-text-only eval 'ocr page.png out -c textonly_pdf=1 pdf; grep -ac "GlyphLessFont" "$T/out.pdf"'
use hocr to hocr page.png out hocr
use alto to xml page.png out alto
use tsv to tsv page.png out tsv
use box to box page.png out makebox
use lstm-box to box page.png out lstmbox
use wordstr-box to box page.png out wordstrbox
use unlv to unlv page.png out unlv
use several-outputs eval 'to txt page.png out txt hocr tsv pdf | head -n 1; ls "$T" | grep ^out'
use quiet ocr page.png - quiet
use digits-config ocr numbers.png stdout --psm 6 digits
use bazaar-config ocr page.png stdout bazaar
use logfile-config eval 'ocr page.png stdout logfile; wc -l <"$T/tesseract.log"'
use own-config eval 'to hocr page.png out own-config | tail -n 1'
use whitelist ocr numbers.png stdout --psm 6 -c tessedit_char_whitelist=0123456789
use interword-spaces ocr table.png stdout --psm 6 -c preserve_interword_spaces=1
use dpi ocr page.png stdout --dpi 150
use osd eval 'ocr page.png stdout --psm 0 | grep -E "Orientation in|Script:"'
use osd-rotated eval 'ocr rotated.png stdout --psm 0 | grep -E "Orientation in|Rotate"'
use auto-with-osd ocr rotated.png stdout --psm 1
use psm eval 'for mode in 3 4 6 11 12; do ocr page.png stdout --psm $mode | cksum; done'
use line ocr line.png stdout --psm 7
use raw-line ocr line.png stdout --psm 13
use word ocr word.png stdout --psm 8
use char ocr char.png stdout --psm 10
use oem-lstm ocr page.png stdout --oem 1
use oem-legacy ocr page.png stdout --oem 0
use german ocr german.png stdout -l deu
use french ocr french.png stdout -l fra
use chinese ocr chinese.png stdout -l chi_sim --psm 6
use two-languages ocr german.png stdout -l eng+deu
use columns ocr columns.png stdout
use jpeg ocr page.jpg stdout
use tiff-pages eval 'ocr pages.tif stdout 2>/dev/null'
use tiff-one-page ocr pages.tif stdout -c tessedit_page_number=1
use webp ocr page.webp stdout
use gif ocr page.gif stdout
use bmp ocr page.bmp stdout
use pnm ocr page.pnm stdout
use list-of-files eval 'ocr list.txt stdout -l eng+deu 2>/dev/null'
use stdin eval 'docker run --rm -i --label "$LABEL" "$IMAGE" stdin stdout <"$T/page.png"'
use stdin-to-pdf eval 'docker run --rm -i --label "$LABEL" "$IMAGE" - - pdf <"$T/page.png" >"$T/piped.pdf"; head -c 8 "$T/piped.pdf"'
use user-words ocr page.png stdout --user-words words.txt --user-patterns patterns.txt
use processed-image eval 'ocr page.png out get.images >/dev/null 2>&1; ls "$T" | grep -c "processed.tif"'
use inverted ocr inverted.png stdout
use threshold eval 'for method in 0 1 2; do ocr page.jpg stdout -c thresholding_method=$method | cksum; done'
use combine-tessdata eval 'with combine_tessdata -d /usr/share/tesseract-ocr/5/tessdata/deu.traineddata | head -n 5'
use unicharset eval 'with combine_tessdata -u /usr/share/tesseract-ocr/5/tessdata/eng.traineddata /app/eng. >/dev/null 2>&1; ls "$T" | grep -c "^eng\."; with dawg2wordlist eng.lstm-unicharset eng.lstm-punc-dawg punctuation.txt >/dev/null; wc -l <"$T/punctuation.txt"'
use missing-file ocr missing.png stdout
use missing-language ocr page.png stdout -l xyz
use no-image ocr list-of-nothing.txt stdout
once -v "$T:/app" --entrypoint cp "$FAT" /usr/share/tesseract-ocr/5/tessdata/eng.traineddata /app/own.traineddata
mkdir -p "$T/tessdata" && mv "$T/own.traineddata" "$T/tessdata/"
use tessdata-dir eval 'ocr page.png stdout --tessdata-dir /app/tessdata -l own; ocr --list-langs --tessdata-dir /app/tessdata'
more=(-e TESSDATA_PREFIX=/app/tessdata)
use tessdata-prefix ocr page.png stdout -l own
more=(-v "$T/tessdata/own.traineddata:/usr/share/tesseract-ocr/5/tessdata/own.traineddata:ro")
use mounted-language eval 'ocr --list-langs; ocr page.png stdout -l own+deu 2>/dev/null'
more=(--user 1000 -e OMP_THREAD_LIMIT=1)
use user to txt page.png out
more=(--read-only -e LANG=C.UTF-8 --network none)
use read-only ocr german.png stdout -l deu hocr
