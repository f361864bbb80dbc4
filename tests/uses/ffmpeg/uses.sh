. "$(dirname "$0")/../functions.sh"
chmod 777 "$T"
FAST='-hide_banner -v error -nostdin -y'
make() { once -v "$T:/tmp/workdir" "$FAT" $FAST "$@"; } # an input, made by the source image
ff() { once -v "$T:/tmp/workdir" "${more[@]}" "$IMAGE" $FAST "$@"; }
probe() { once -v "$T:/tmp/workdir" --entrypoint ffprobe "$IMAGE" -v error "$@"; }
make -f lavfi -i testsrc=s=96x64:r=10:d=1 -f lavfi -i sine=f=440:d=1 -threads 1 -c:v libx264 -pix_fmt yuv420p -c:a aac -shortest in.mp4
make -f lavfi -i sine=f=300:d=1 -metadata title=Tone in.wav
make -f lavfi -i smptebars=s=80x60:d=0.1 -frames:v 1 picture.png
make -f lavfi -i testsrc2=s=96x64:r=10:d=1 -f lavfi -i anoisesrc=d=1:s=1 -c:v mpeg4 -c:a libmp3lame in.avi
printf "1\n00:00:00,000 --> 00:00:01,000\nHello <i>there</i>\n" >"$T/sub.srt"
printf "file in.mp4\nfile in.mp4\n" >"$T/list.txt"
printf '[Script Info]\nScriptType: v4.00+\nPlayResX: 96\nPlayResY: 64\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, Alignment\nStyle: Default,DejaVu Sans Mono,14,&H00FFFFFF,2\n[Events]\nFormat: Start, End, Style, Text\nDialogue: 0:00:00.00,0:00:01.00,Default,Styled {\\b1}text\n' >"$T/styled.ass"
printf ';FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n' >"$T/meta.txt"

# to FILE WORD...: write FILE, and the source image's view of it: format, codecs, and checksums of what is decoded
to() {
  local out=$1
  shift
  rm -f "$T/$out"
  ff "$@" -threads 1 -bitexact "$out" || return
  seen "$out"
}
seen() {
  once -v "$T:/tmp/workdir" --entrypoint ffprobe "$FAT" -v error -show_entries stream=codec_name,width,height,sample_rate -of csv=p=0 "$1"
  make -i "$1" -f streamhash -hash md5 - 2>&1 | cut -c1-20
}
# filter FILTER [INPUT]: the checksum of the frames after a filter
filter() { ff -i "${2:-in.mp4}" -threads 1 -filter_threads 1 -vf "$1" -an -f streamhash -hash md5 -; }
sound() { ff -i "${2:-in.wav}" -af "$1" -vn -f streamhash -hash md5 -; }
more=()

use default eval 'once "$IMAGE" 2>/dev/null | wc -l'
use version eval 'once "$IMAGE" -version | head -n 1'
use build-options eval 'once "$IMAGE" -hide_banner -buildconf | wc -l'
use list-formats eval 'once "$IMAGE" -hide_banner -formats 2>&1 | wc -l; once "$IMAGE" -hide_banner -protocols 2>&1 | wc -l; once "$IMAGE" -hide_banner -devices 2>&1 | cksum'
use list-codecs eval 'once "$IMAGE" -hide_banner -encoders 2>&1 | wc -l; once "$IMAGE" -hide_banner -decoders 2>&1 | wc -l; once "$IMAGE" -hide_banner -filters 2>&1 | wc -l; once "$IMAGE" -hide_banner -hwaccels'
use help-encoder eval 'once "$IMAGE" -hide_banner -h encoder=libx264 | wc -l; once "$IMAGE" -hide_banner -h filter=drawtext | wc -l'
use remux to out.mkv -i in.mp4 -c copy
use mp4-to-avi to out.avi -i in.mp4 -c:v mpeg4 -c:a libmp3lame
use h264 to out.mp4 -i in.avi -c:v libx264 -preset fast -crf 28 -c:a aac -movflags +faststart
use h265 to out.mp4 -i in.mp4 -c:v libx265 -x265-params pools=none:frame-threads=1:log-level=none -an
use vp8-vorbis to out.webm -i in.mp4 -c:v libvpx -c:a libvorbis -b:v 100k
use vp9-opus to out.webm -i in.mp4 -c:v libvpx-vp9 -c:a libopus -ar 48000
use av1 to out.mkv -i in.mp4 -c:v libaom-av1 -cpu-used 8 -frames:v 3 -an
use av1-svt to out.mkv -i in.mp4 -c:v libsvtav1 -preset 12 -svtav1-params lp=1 -frames:v 3 -an
use theora to out.ogv -i in.mp4 -c:v libtheora -c:a libvorbis
use prores to out.mov -i in.mp4 -c:v prores_ks -c:a pcm_s16le
use mpeg2 to out.mpg -i in.mp4 -r 25 -c:v mpeg2video -c:a mp2
use mp3 to out.mp3 -i in.wav -c:a libmp3lame -q:a 4
use flac to out.flac -i in.wav
use opus to out.opus -i in.wav
use ogg to out.ogg -i in.wav -c:a libvorbis
use aac to out.m4a -i in.wav
use speex-and-others eval 'to out.spx -i in.wav -c:a libspeex -ar 16000; to out.mp2 -i in.wav -c:a libtwolame; to out.wma -i in.wav; to out.ac3 -i in.wav; to out.amr -i in.wav -ar 8000 -ac 1 -c:a libgsm -f gsm 2>/dev/null | tail -n 1'
use extract-sound to out.wav -i in.mp4 -vn
use sample-rate to out.wav -i in.wav -ar 22050 -ac 2
use gif to out.gif -i in.mp4 -vf 'fps=5,scale=48:-1:flags=lanczos,split[a][b];[a]palettegen[p];[b][p]paletteuse'
use webp to out.webp -i in.mp4 -c:v libwebp -frames:v 1
use webp-animation eval 'ff -i in.mp4 -threads 1 -c:v libwebp_anim -loop 0 out.webp; head -c 16 "$T/out.webp" | tail -c 8'
use thumbnail to out.jpg -ss 0.5 -i in.mp4 -frames:v 1 -q:v 3
use frames eval 'ff -i in.mp4 -vf fps=4 frame-%02d.png; ls "$T" | grep -c frame-'
use frames-to-video to out.mp4 -framerate 4 -i frame-%02d.png -c:v libx264 -pix_fmt yuv420p
use picture-to-video to out.mp4 -loop 1 -i picture.png -t 0.5 -r 10 -pix_fmt yuv420p
use picture-formats eval 'for kind in jp2 tiff bmp tga; do to out.$kind -i picture.png; done'
use jpegxl to out.jxl -i picture.png
use raw-video eval 'ff -i in.mp4 -f rawvideo -pix_fmt rgb24 - | cksum'
use trim to out.mp4 -ss 0.2 -i in.mp4 -t 0.4 -c:v libx264 -an
use concat to out.mp4 -f concat -safe 0 -i list.txt -c copy
use concat-filter to out.mp4 -i in.mp4 -i in.avi -filter_complex '[0:v][1:v]concat=n=2[v]' -map '[v]' -c:v libx264
use scale filter scale=48:32
use crop-and-pad filter 'crop=60:40,pad=80:60:10:10:red'
use rotate filter 'transpose=1,hflip'
use overlay eval 'ff -i in.mp4 -i picture.png -filter_complex "[1]scale=20:-1[l];[0][l]overlay=W-w:0" -an -f streamhash -hash md5 -'
use drawtext-default filter "drawtext=text='Hello':fontsize=20:fontcolor=white"
use drawtext-named filter "drawtext=font='DejaVu Sans Mono':text='%{pts}':fontsize=12"
use drawtext-file filter "drawtext=fontfile=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf:text=Grüße:x=5:y=5"
use subtitles filter subtitles=sub.srt
use subtitles-styled filter ass=styled.ass
use srt-to-ass eval 'ff -i sub.srt -f ass -; ff -i sub.srt -f webvtt -'
use subtitle-stream to out.mkv -i in.mp4 -i sub.srt -c copy -c:s srt
use mov-text to out.mp4 -i in.mp4 -i sub.srt -c copy -c:s mov_text
use burn-unicode eval 'printf "1\n00:00:00,000 --> 00:00:01,000\nΩ ж ✓\n" >"$T/uni.srt"; filter subtitles=uni.srt'
use fade-and-speed filter 'fade=in:0:5,setpts=0.5*PTS'
use colour filter 'eq=brightness=0.1:saturation=1.5,curves=vintage,hue=h=30'
use deinterlace filter 'yadif,hqdn3d,unsharp'
use stabilise eval 'filter vidstabdetect=result=t.trf; filter vidstabtransform=input=t.trf'
use zscale filter 'zscale=w=48:h=32:filter=lanczos'
use rubberband sound 'rubberband=tempo=1.5'
use edges filter 'negate,edgedetect'
use sound-filters sound 'volume=0.5,atempo=1.2,aecho=0.8:0.9:50:0.3'
use loudness eval 'ff -v info -i in.wav -af loudnorm=print_format=json -f null - 2>&1 | grep -E "input_(i|tp)"'
use volumedetect eval 'ff -v info -i in.wav -af volumedetect -f null - 2>&1 | grep -oE "m(ean|ax)_volume.*"'
use silencedetect eval 'ff -v info -f lavfi -i anullsrc=d=3 -af silencedetect -f null - 2>&1 | grep -oE "silence_(start|end): [0-9]"'
use resample-soxr eval 'ff -i in.wav -af aresample=resampler=soxr:osr=16000 -f s16le - | wc -c'
use waveform eval 'ff -i in.wav -filter_complex showwavespic=s=100x40 -frames:v 1 -f streamhash -hash md5 -'
use spectrum eval 'ff -i in.wav -lavfi showspectrumpic=s=100x60 -frames:v 1 -f streamhash -hash md5 -'
use speech eval 'ff -f lavfi -i flite=text=hello:voice=kal -f streamhash -hash md5 -'
use ssim eval 'ff -v info -i in.mp4 -i in.avi -lavfi ssim -f null - 2>&1 | grep -o "All:[0-9.]*"'
use generated to out.mp4 -f lavfi -i mandelbrot=s=64x48:r=5 -t 0.4 -c:v libx264
use plain-colour eval 'ff -f lavfi -i color=red:s=32x32:d=0.2 -f streamhash -hash md5 -'
use hls eval 'ff -i in.mp4 -c copy -f hls -hls_time 1 -hls_list_size 0 out.m3u8; cat "$T/out.m3u8"'
use dash eval 'ff -i in.mp4 -c copy -f dash out.mpd; grep -c SegmentTimeline "$T/out.mpd"'
use mpeg-ts to out.ts -i in.mp4 -c copy
use segments eval 'ff -i in.avi -c copy -f segment -segment_time 0.5 part-%d.avi; ls "$T" | grep -c part-'
use metadata eval 'ff -i in.mp4 -i meta.txt -map_metadata 1 -c copy tagged.mp4; probe -show_entries format_tags=title -show_chapters -of compact tagged.mp4'
use export-metadata eval 'ff -i in.wav -f ffmetadata -'
use preset-file eval 'to out.webm -i in.mp4 -c:v libvpx -vpre libvpx-360p -an'
use two-pass eval 'ff -i in.mp4 -threads 1 -c:v libx264 -b:v 50k -pass 1 -an -f null - && to out.mp4 -i in.mp4 -c:v libx264 -b:v 50k -pass 2 -an'
use pipe eval 'docker run --rm -i --label "$LABEL" "$IMAGE" -hide_banner -v error -f wav -i pipe:0 -f mp3 pipe:1 <"$T/in.wav" >"$T/piped.mp3"; head -c 3 "$T/piped.mp3"'
use probe probe -show_entries format=format_name,duration,size:stream=codec_name,width,height,pix_fmt,channels -of json in.mp4
use probe-frames probe -select_streams v -show_entries frame=pict_type -of csv=p=0 in.avi
use probe-version eval 'once --entrypoint ffprobe "$IMAGE" -version | head -n 1'
use damaged eval 'head -c 3000 "$T/in.mp4" >"$T/cut.mp4"; ff -i cut.mp4 -f null - 2>&1 | tail -n 1'
use wrong-file ff -i missing.mp4 out.avi
use wrong-codec eval 'ff -i in.mp4 -c:v nothing out.avi 2>&1 | tail -n 1'
use no-device eval 'ff -init_hw_device vaapi=v:/dev/dri/renderD128 -i in.mp4 -f null - 2>&1 | tail -n 1'
use https eval 'ff -i https://127.0.0.1:1/x.mp4 -f null - 2>&1 | tail -n 1 | sed "s/.*https/https/"'
more=(--user 1000)
use user to user.mp4 -i in.avi
more=(--read-only --tmpfs /tmp/cache -e XDG_CACHE_HOME=/tmp/cache)
use read-only filter "drawtext=text='Hello':fontsize=20"
more=(-e FFREPORT=file=report.log:level=32)
use report eval 'ff -i in.wav -f null - >/dev/null 2>&1; grep -c "Input #0" "$T/report.log"'
