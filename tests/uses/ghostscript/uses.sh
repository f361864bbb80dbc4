. "$(dirname "$0")/../functions.sh"
chmod 777 "$T"
cp "$HERE"/files/* "$T/"
gs() { once -v "$T:/app" "${more[@]}" "$IMAGE" -q -dBATCH -dNOPAUSE "$@"; }
make() { once -v "$T:/app" "$FAT" -q -dBATCH -dNOPAUSE "$@"; } # an input, made by the source image
# with PROGRAM WORD...: another program of the image
with() {
  local program=$1
  shift
  once -v "$T:/app" --entrypoint "$program" "$IMAGE" "$@"
}
make -sDEVICE=pdfwrite -o in.pdf page.ps
make -sDEVICE=pdfwrite -sOwnerPassword=o -sUserPassword=u -dEncryptionR=3 -dKeyLength=128 -dPermissions=-44 -o locked.pdf page.ps
make -sDEVICE=jpeg -r50 -o photo.jpg page.ps
make -sDEVICE=eps2write -dFirstPage=1 -dLastPage=1 -o in.eps in.pdf

# image DEVICE SOURCE WORD...: what a device writes, as checksums: there is no time in it
image() {
  local device=$1 source=$2
  shift 2
  rm -f "$T"/out*
  gs -sDEVICE="$device" -o 'out-%d' "$@" "$source" || return
  cksum "$T"/out-* | sed "s,$T/,,"
}
# drawn WORD...: write out.pdf with these words, and the checksum of what the source image draws of it
drawn() {
  rm -f "$T"/out*
  gs -o out.pdf "$@" || return
  make -sDEVICE=ppmraw -r40 -o 'drawn-%d' out.pdf && cksum "$T"/drawn-* | sed "s,$T/,,"
  rm -f "$T"/drawn-*
}
# text FILE: the text in a file that was written, as the source image finds it
text() { make -sDEVICE=txtwrite -o - "$@"; }
more=()

use default eval 'once "$IMAGE" | sed -n 1,3p'
use version once "$IMAGE" --version
use devices eval 'once "$IMAGE" --help | grep -A80 "Available devices" | grep -cE "png16m|pdfwrite|ps2write"'
use pdf-to-png image png16m in.pdf -r72
use pdf-to-png-antialiased image png16m in.pdf -r60 -dTextAlphaBits=4 -dGraphicsAlphaBits=4
use pdf-to-transparent-png image pngalpha in.pdf -r50
use pdf-to-grey image pnggray in.pdf -r50
use pdf-to-mono image pngmono in.pdf -r50
use pdf-to-jpeg image jpeg in.pdf -r60 -dJPEGQ=80
use pdf-to-tiff eval 'image tiffg4 in.pdf -r50 | cut -d" " -f2-'
use pdf-to-tiff-colour eval 'image tiff24nc in.pdf -r50 -sCompression=lzw | cut -d" " -f2-'
use separations eval 'image tiffsep in.pdf -r30 | cut -d" " -f2-'
use cmyk image bitcmyk in.pdf -r30
use bmp image bmp16m in.pdf -r40
use pcx image pcx256 in.pdf -r40
use psd image psdcmyk in.pdf -r30
use pages image png16m in.pdf -r40 -dFirstPage=2 -dLastPage=2
use page-list image png16m in.pdf -r40 -sPageList=1,3
use scale image png16m in.pdf -r100 -dDownScaleFactor=2
use paper-size image png16m in.pdf -r30 -sPAPERSIZE=a5 -dPDFFitPage
use crop-box image png16m in.pdf -r40 -dUseCropBox
use ps-to-png image png16m page.ps -r60
use eps-crop image png16m in.eps -r50 -dEPSCrop
use text eval 'gs -sDEVICE=txtwrite -o - in.pdf'
use text-xml eval 'gs -sDEVICE=txtwrite -dTextFormat=1 -o - in.pdf | cksum'
use ps-to-pdf drawn -sDEVICE=pdfwrite page.ps
use pdf-to-ps eval 'gs -sDEVICE=ps2write -o out.ps in.pdf; grep -c "%%Page:" "$T/out.ps"'
use pdf-to-eps eval 'gs -sDEVICE=eps2write -dFirstPage=1 -dLastPage=1 -o out.eps in.pdf; grep -a BoundingBox "$T/out.eps"'
use merge drawn -sDEVICE=pdfwrite in.pdf page.ps in.pdf
use split eval 'gs -sDEVICE=pdfwrite -o "split-%d.pdf" in.pdf; ls "$T" | grep -c split-'
use compress-screen drawn -sDEVICE=pdfwrite -dPDFSETTINGS=/screen in.pdf
use compress-ebook drawn -sDEVICE=pdfwrite -dPDFSETTINGS=/ebook in.pdf
use compress-prepress drawn -sDEVICE=pdfwrite -dPDFSETTINGS=/prepress in.pdf
use compatibility eval 'drawn -sDEVICE=pdfwrite -dCompatibilityLevel=1.4 in.pdf; head -c 8 "$T/out.pdf"'
use grey-pdf drawn -sDEVICE=pdfwrite -sColorConversionStrategy=Gray -dProcessColorModel=/DeviceGray in.pdf
use cmyk-pdf drawn -sDEVICE=pdfwrite -sColorConversionStrategy=CMYK -dProcessColorModel=/DeviceCMYK in.pdf
use pdf-a eval 'drawn -sDEVICE=pdfwrite -dPDFA=2 -dPDFACompatibilityPolicy=1 -sColorConversionStrategy=RGB in.pdf; grep -ac "pdfaid" "$T/out.pdf"'
use pdf-a-definition eval 'drawn -sDEVICE=pdfwrite -dPDFA=2 -dPDFACompatibilityPolicy=1 -sColorConversionStrategy=RGB --permit-file-read=/usr/share/color/icc/ghostscript/srgb.icc own-pdfa.ps in.pdf; grep -ac "OutputIntent" "$T/out.pdf"'
use pdf-x drawn -sDEVICE=pdfwrite -dPDFX -sColorConversionStrategy=CMYK in.pdf
use encrypt eval 'gs -sDEVICE=pdfwrite -sOwnerPassword=a -sUserPassword=b -o out.pdf in.pdf; grep -ac "/Encrypt" "$T/out.pdf"; text -sPDFPassword=b out.pdf | head -n 2'
use decrypt drawn -sDEVICE=pdfwrite -sPDFPassword=u locked.pdf
use locked eval 'gs -sDEVICE=txtwrite -o - locked.pdf 2>/dev/null'
use metadata eval 'gs -sDEVICE=pdfwrite -o out.pdf in.pdf marks.ps; grep -ac "A title" "$T/out.pdf"'
use images-to-pdf eval 'gs -sDEVICE=pdfwrite --permit-file-read=/app/ -o out.pdf viewjpeg.ps -c "(/app/photo.jpg) viewJPEG" && text out.pdf'
use ink-coverage eval 'gs -sDEVICE=inkcov -o - in.pdf'
use bounding-box eval 'gs -sDEVICE=bbox -o - in.pdf'
use printers eval 'for device in ljet4 pxlmono pxlcolor epson deskjet; do gs -sDEVICE=$device -r75 -o out.prn in.pdf && [ -s "$T/out.prn" ] && echo $device; done'
use xps eval 'gs -sDEVICE=xpswrite -o out.xps in.pdf; python3 -m zipfile -l "$T/out.xps" | grep -c "\.fpage"'
use ocr-less-pdf eval 'gs -sDEVICE=pdfimage24 -r50 -o out.pdf in.pdf; head -c 5 "$T/out.pdf"'
use stdin eval 'docker run --rm -i --label "$LABEL" "$IMAGE" -q -dBATCH -dNOPAUSE -sDEVICE=png16m -r30 -sOutputFile=- - <"$T/page.ps" | cksum'
use postscript-code gs -dNODISPLAY -c '(hello) = 3 4 add = revision == product =='
use interactive eval 'echo "1 2 add = quit" | docker run --rm -i --label "$LABEL" "$IMAGE" -q -dNODISPLAY'
use pdf-info eval 'gs -dNODISPLAY --permit-file-read=/app/ -c "(/app/in.pdf) (r) file runpdfbegin pdfpagecount = 1 pdfgetpage /MediaBox get == quit"'
use fonts-all image png16m fonts.ps -r50
use fonts-in-pdf eval 'drawn -sDEVICE=pdfwrite fonts.ps; grep -ac "NimbusSans\|FontName" "$T/out.pdf"'
use fonts-unknown eval 'image png16m unknown-font.ps -r50'
use fonts-not-embedded image png16m not-embedded.pdf -r50
use cjk-not-embedded image png16m cjk.pdf -r50
use glyph-names image png16m glyphs.ps -r50
use encodings image png16m encodings.ps -r50
use colour-profile image png16m in.pdf -r30 -sOutputICCProfile=default_rgb.icc
use colour-profile-own eval 'image tiff32nc in.pdf -r30 -sOutputICCProfile=/usr/share/color/icc/ghostscript/ps_cmyk.icc | cut -d" " -f2-'
use colour-spaces image png16m colours.ps -r40
use halftone image pbmraw in.pdf -r60 -dDITHERPPI=10
use level-1 eval 'gs -sDEVICE=ps2write -dLanguageLevel=2 -o - in.pdf | sed -n 1p'
use safer eval 'gs -dNODISPLAY -c "(/etc/passwd) (r) file" 2>/dev/null | sed -n 1,2p'
use ps2pdf eval 'with ps2pdf page.ps scripted.pdf; text scripted.pdf'
use ps2pdf14 eval 'with ps2pdf14 page.ps scripted.pdf; head -c 8 "$T/scripted.pdf"'
use pdf2ps eval 'with pdf2ps in.pdf scripted.ps; grep -c "%%Page:" "$T/scripted.ps"'
use ps2ascii eval 'with ps2ascii page.ps'
use eps2eps eval 'with eps2eps in.eps scripted.eps; grep -a BoundingBox "$T/scripted.eps"'
use wrong-file eval 'gs -sDEVICE=png16m -o out.png missing.pdf 2>/dev/null'
use damaged eval 'head -c 900 "$T/in.pdf" >"$T/damaged.pdf"; gs -sDEVICE=txtwrite -o - damaged.pdf 2>/dev/null'
use wrong-device eval 'gs -sDEVICE=nothing -o out page.ps 2>&1 | head -n 1'
more=(--user 1000)
use user image png16m in.pdf -r50
more=(--read-only --tmpfs /tmp -e TZ=Europe/Berlin)
use read-only image png16m in.pdf -r50
