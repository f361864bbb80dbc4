. "$(dirname "$0")/../functions.sh"
# The inputs are made by the source image.
make() { once -v "$T:/imgs" "$FAT" "$@"; }
chmod 777 "$T"
make rose: -resize 200x -quality 90 photo.jpg
make rose: \( -size 40x40 xc:'rgba(0,0,255,0.5)' \) -composite -resize 120x alpha.png
make -delay 20 rose: \( rose: -negate \) \( rose: -flip \) -loop 0 moving.gif
make rose: -colors 16 old.bmp
make rose: photo.tiff
make rose: photo.webp
make rose: photo.jp2
make rose: rose.ppm
make rose: \( rose: -rotate 90 \) two.pdf
cat >"$T/drawing.svg" <<'X'
<svg xmlns="http://www.w3.org/2000/svg" width="120" height="60"><defs><linearGradient id="g"><stop offset="0" stop-color="red"/>
<stop offset="1" stop-color="blue"/></linearGradient></defs><rect width="120" height="60" fill="url(#g)"/>
<circle cx="60" cy="30" r="20" fill="white"/><text x="45" y="35" font-family="DejaVu Sans" font-size="12">abc</text></svg>
X

# to FILE WORD...: convert to FILE, and what the source image says about it: format, size and checksum of the pixels
to() {
  local out=$1
  shift
  rm -f "$T/$out"
  once -v "$T:/imgs" "${more[@]}" "$IMAGE" "$@" "/imgs/$out" || return
  once -v "$T:/imgs" --entrypoint identify "$FAT" -format '%m %wx%h %n %#\n' "$out" | cut -c1-32
}
# with PROGRAM WORD...: another program of the image
with() {
  local program=$1
  shift
  once -v "$T:/imgs" --entrypoint "$program" "$IMAGE" "$@"
}
more=()

use default once "$IMAGE"
use jpg-to-png to out.png photo.jpg
use png-to-jpg to out.jpg alpha.png -background white -flatten -quality 80
use resize-and-crop to out.png photo.jpg -resize 50% -gravity center -crop 60x40+0+0 +repage
use thumbnail to thumb.jpg photo.jpg -auto-orient -thumbnail '64x64^' -extent 64x64 -strip
use gif-to-png to frame.png 'moving.gif[1]'
use gif-animation to out.gif moving.gif -coalesce -resize 30x -layers optimize
use png-to-webp to out.webp alpha.png -quality 70
use webp-to-png to out.png photo.webp
use jpg-to-tiff to out.tiff photo.jpg -compress lzw
use tiff-to-jpg to out.jpg photo.tiff
use bmp-to-png to out.png old.bmp
use ico to out.ico alpha.png -define icon:auto-resize=32,16
use jpg-to-jp2 to out.jp2 photo.jpg
use jp2-to-png to out.png photo.jp2
use ppm-to-png to out.png rose.ppm
use svg-to-png to out.png -background none drawing.svg
use pdf-to-png to out.png -density 100 'two.pdf[1]'
use jpg-to-pdf to out.pdf photo.jpg -page a6
use png-to-eps to out.eps alpha.png
use text-default-font to out.png -size 200x60 -gravity center label:'Hello'
use text-named-font to out.png -font DejaVu-Sans-Bold -pointsize 20 -fill navy label:'Grüße'
use text-wrapped to out.png -size 80x -font DejaVu-Sans-Mono caption:'some words in several lines'
use text-other-scripts to out.png -size 200x60 -font DejaVu-Sans label:'Ω ж → ✓'
use annotate to out.png photo.jpg -font DejaVu-Sans -fill white -annotate +5+20 'mark'
use effects to out.png photo.jpg -colorspace Gray -blur 0x2 -sharpen 0x1 -modulate 110,80
use gradient-swirl to out.png -size 64x64 gradient:red-blue -swirl 90
use colourspace-cmyk to cmyk.jpg photo.jpg -colorspace CMYK
use stdin-to-stdout eval 'docker run --rm -i --label "$LABEL" "$IMAGE" jpg:- -resize 20x20 png:- <"$T/photo.jpg" >"$T/piped.png"; once -v "$T:/imgs" --entrypoint identify "$FAT" -format "%m %wx%h %#" piped.png | cut -c1-28'
use identify eval 'with identify photo.jpg photo.webp photo.tiff | cut -d" " -f1-7'
use identify-verbose eval 'with identify -verbose photo.jpg | grep -E "Geometry|Type|Colorspace|Channel depth|Quality"'
use identify-format with identify -format '%m %wx%h %[colorspace] %Q\n' photo.jpg alpha.png moving.gif
use mogrify eval 'cp "$T/photo.jpg" "$T/m.jpg"; with mogrify -resize 33x -format gif m.jpg; with identify m.gif | cut -d" " -f1-7'
use montage eval 'with montage photo.jpg alpha.png -geometry 40x40+2+2 -tile 2x1 sheet.png; with identify -format "%m %wx%h" sheet.png'
use composite eval 'with composite -gravity south-east alpha.png photo.jpg over.png; with identify -format "%m %wx%h" over.png'
use compare with compare -metric AE photo.jpg photo.jpg null:
use list-formats eval 'with identify -list format | grep -cE "^ +(PNG|JPEG|WEBP|TIFF|GIF|PDF|SVG|JP2|HEIC)\*? "'
use list-fonts eval 'with convert -list font | grep -c "Font: DejaVu"'
use list-policy eval 'with identify -list policy | grep -c Policy'
use version eval 'with convert -version | head -n 2'
use wrong-file eval 'once -v "$T:/imgs" "$IMAGE" missing.jpg out.png 2>&1 | sed "s/ @ .*//"'
more=(--user 1000)
use user to user.png photo.jpg
more=(--read-only --tmpfs /tmp --init)
use read-only to out.png -density 72 'two.pdf[0]'
more=(-e MAGICK_MEMORY_LIMIT=16MiB -e MAGICK_THREAD_LIMIT=1 -e TZ=Europe/Berlin -e LANG=C.UTF-8)
use limits to out.png photo.jpg -resize 400%
cat >"$T/policy.xml" <<'X'
<policymap><policy domain="resource" name="width" value="100"/><policy domain="coder" rights="none" pattern="GIF"/></policymap>
X
more=(-v "$T/policy.xml:/etc/ImageMagick-6/policy.xml:ro")
use own-policy eval 'to out.gif photo.webp 2>&1 | sed "s/ @ .*//"'
