. "$(dirname "$0")/../functions.sh"
chmod 777 "$T"
cp "$HERE"/files/* "$T/"
mkdir -p "$T/pictures" && cp "$T/picture.png" "$T/pictures/inner.png"
dot() { once -v "$T:/data" "${more[@]}" "$IMAGE" "$@"; }
# to FILE WORD...: write FILE, and its checksum; PDF and PostScript have the time of their making in them
to() {
  local out=$1
  shift
  rm -f "$T/$out"
  dot -o "$out" "$@" || return
  grep -avE 'CreationDate|^/ID|%%|<!--' "$T/$out" | cksum
}
# with PROGRAM WORD...: another program of the image
with() {
  local program=$1
  shift
  once -i -v "$T:/data" "${more[@]}" --entrypoint "$program" "$IMAGE" "$@"
}
pipe() { docker run --rm -i --label "$LABEL" "${more[@]}" "$@"; }
more=()

use default eval 'echo "digraph { a -> b }" | pipe "$IMAGE"'
use stdin-to-stdout eval 'echo "digraph { a -> b }" | pipe "$IMAGE" -Tsvg | cksum'
use version once "$IMAGE" -V
use help eval 'dot "-?" | wc -l'
use plugins eval 'dot -v small.dot -Tdot 2>&1 | grep -cE "^ +(render|layout|textlayout|device|loadimage)"'
use formats eval 'dot -Tnothing small.dot 2>&1 | tr " " "\n" | grep -cE "^(png|svg|pdf|ps|json|gif|jpg|webp)$"'
use png to out.png -Tpng graph.dot
use svg to out.svg -Tsvg graph.dot
use pdf eval 'to out.pdf -Tpdf graph.dot | wc -l; head -c 5 "$T/out.pdf"'
use ps to out.ps -Tps graph.dot
use ps2 to out.ps -Tps2 graph.dot
use eps to out.eps -Teps graph.dot
use jpg to out.jpg -Tjpg graph.dot
use gif to out.gif -Tgif graph.dot
use format-without-plugin to out.bmp -Tbmp graph.dot
use webp to out.webp -Twebp graph.dot
use svgz eval 'dot -Tsvgz small.dot -o out.svgz; gzip -dc <"$T/out.svgz" | wc -l'
use json eval 'dot -Tjson small.dot'
use json0 eval 'dot -Tjson0 graph.dot | cksum; dot -Tdot_json graph.dot | cksum; dot -Txdot_json graph.dot | cksum'
use plain dot -Tplain small.dot
use xdot eval 'dot -Txdot graph.dot | cksum; dot -Tcanon small.dot'
use maps eval 'dot -Tcmapx small.dot; dot -Timap small.dot; dot -Tismap small.dot'
use fig-and-others eval 'for kind in fig pic vml pov; do dot -T$kind small.dot | grep -v "^#" | cksum; done'
use gd eval 'for kind in png:gd png:cairo svg:core svg:cairo ps:cairo; do dot -T$kind small.dot | wc -l; done'
use gtk eval 'dot -Tx11 small.dot 2>&1 | head -n 1 | cut -c1-40'
use engines eval 'for engine in dot neato fdp sfdp twopi circo osage patchwork; do dot -K$engine -Tplain undirected.dot | cksum; done'
use neato with neato -Tplain undirected.dot
use fdp eval 'with fdp -Tsvg undirected.dot | cksum'
use sfdp eval 'with sfdp -Goverlap=prism -Tsvg undirected.dot | cksum'
use circo eval 'with circo -Tsvg undirected.dot | cksum'
use twopi eval 'with twopi -Tpng undirected.dot | cksum'
use osage eval 'with osage -Tpng undirected.dot | cksum; with patchwork -Tsvg undirected.dot | cksum'
use overlap to out.svg -Kneato -Goverlap=false -Gsplines=true -Tsvg undirected.dot
use stress eval 'dot -Kneato -Gmode=major -Gmodel=subset -Tplain undirected.dot | cksum; dot -Kneato -n2 -Tplain placed.dot'
use orthogonal to out.svg -Gsplines=ortho -Tsvg graph.dot
use clusters to out.png -Gcompound=true -Grankdir=LR -Tpng graph.dot
use html-label to out.png -Tpng html.dot
use records to out.svg -Tsvg records.dot
use shapes to out.png -Tpng shapes.dot
use picture to out.png -Tpng picture.dot
use picture-in-svg eval 'dot -Tsvg picture.dot | grep -c "<image"'
use picture-svg to out.png -Tpng picture-svg.dot
use picture-path to out.png -Tpng -Gimagepath=/data/pictures pictures.dot
use font-default to out.png -Tpng -Gdpi=150 small.dot
use font-named to out.png -Tpng -Nfontname='DejaVu Sans Mono' -Efontname='Liberation Serif' graph.dot
use font-bold to out.png -Tpng -Nfontname='Liberation Sans Bold Italic' small.dot
use font-postscript to out.png -Tpng -Nfontname=Helvetica-Bold -Gfontname=Courier graph.dot
use font-gd to out.gif -Tgif:gd -Nfontname=DejaVuSans small.dot
use font-path to out.png -Tpng:gd -Gfontpath=/usr/share/fonts/truetype/liberation2 -Nfontname=LiberationMono-Regular small.dot
use font-missing to out.png -Tpng -Nfontname='No Such Font' small.dot
use unicode to out.png -Tpng unicode.dot
use latin1 eval 'printf "digraph { charset=latin1; a [label=\"\xe4\xf6\"] }" >"$T/latin.dot"; dot -Tsvg latin.dot | grep "<text"'
use colours to out.svg -Tsvg colours.dot
use stylesheet eval 'dot -Tsvg -Gstylesheet=x.css small.dot | head -n 3'
use layers eval 'dot -Tps layers.dot | grep -c "showpage"'
use many-graphs eval 'dot -O -Tpng many.dot; ls "$T" | grep -c "^many.dot.*png"'
use output-name eval 'dot -O -Tsvg -Tpng small.dot; ls "$T" | grep "^small.dot."'
use scale to out.png -Tpng -s40 -Gsize=2,2\! -Gratio=fill small.dot
use invert eval 'dot -y -Tplain small.dot'
use large eval 'with gvgen -g8,8 | (cat >"$T/grid.gv"); dot -Kneato -Tplain grid.gv | wc -l'
use gvgen with gvgen -k4
use gvpr with gvpr 'N { print(name, " ", degree) }' graph.dot
use unflatten with unflatten -l3 -f small.dot
use tred with tred transitive.dot
use acyclic with acyclic cycle.dot
use ccomps with ccomps many-parts.dot
use sccmap eval 'with sccmap cycle.dot 2>/dev/null'
use gc with gc -a graph.dot
use nop with nop small.dot
use dijkstra with dijkstra a undirected.dot
use bcomps with bcomps undirected.dot
use gvpack eval 'for name in undirected many-parts; do dot -Tdot $name.dot >"$T/$name.laid.dot"; done; with gvpack -u undirected.laid.dot many-parts.laid.dot | cksum'
use gvmap eval 'dot -Ksfdp -Tdot undirected.dot >"$T/laid.dot"; with gvmap laid.dot | wc -l'
use edgepaint eval 'dot -Kneato -Tdot undirected.dot >"$T/laid.dot"; with edgepaint laid.dot | wc -l'
use cluster eval 'with cluster undirected.dot | grep -c cluster'
use gml eval 'with gv2gml small.dot >"$T/small.gml"; cat "$T/small.gml"; with gml2gv small.gml'
use gxl eval 'with gv2gxl small.dot | wc -l; with gv2gxl small.dot >"$T/small.gxl"; with gxl2gv small.gxl'
use graphml with graphml2gv small.graphml
use matrix-market with mm2gv small.mtx
use prune with prune -n b graph.dot
use gvmap-script eval 'with gvmap.sh -A -Tsvg undirected.dot | grep -c "<polygon" '
use wrong-syntax eval 'echo "digraph { a -> " | pipe "$IMAGE" -Tsvg'
use wrong-file dot -Tpng missing.dot
use wrong-picture eval 'echo "digraph { a [image=\"none.png\"] }" | pipe "$IMAGE" -Tplain'
more=(--user 0)
use root to root.png -Tpng graph.dot
more=(--read-only -e TZ=Europe/Berlin -e LANG=C.UTF-8)
use read-only to out.png -Tpng unicode.dot
more=(-e "SERVER_NAME=x" -e GV_FILE_PATH=/data/pictures)
use server-name eval 'dot -Tpng pictures.dot 2>&1 | cksum'
