#!/usr/bin/perl
use Mojolicious::Lite -signatures;
use utf8;
use feature qw(fc);
use lib app->home->child('lib')->to_string;

app->secrets([$ENV{SECRET} // 'only for these tests']);
app->types->type(csv => 'text/csv');
plugin Config => {file => $ENV{APP_CONFIG} // 'app.conf'};

get '/' => sub ($c) { $c->render(text => 'It works.') };
get '/page' => sub ($c) { $c->render('page', who => $c->param('who') // '<you>', rows => [1 .. 3]) };
get '/inline' => sub ($c) { $c->render(inline => '<%= join "-", map { $_ * 2 } 1 .. 3 %>') };
get '/config' => sub ($c) { $c->render(json => $c->app->config->{own}) };

any '/json' => sub ($c) {
    return $c->render(json => {a => [1, undef, \1, 'ä']}) if $c->req->method eq 'GET';
    my $data = $c->req->json or return $c->render(json => {error => 'not JSON'}, status => 400);
    $c->render(json => {keys => [sort keys %$data]});
};

get '/json-xs' => sub ($c) {
    require Cpanel::JSON::XS;
    $c->render(text => Cpanel::JSON::XS->new->canonical->pretty->encode({b => 1, a => [2]}));
};

get '/json-pp' => sub ($c) {
    require JSON::PP;
    $c->render(text => JSON::PP->new->canonical->encode(JSON::PP::decode_json('{"n": 12345678901234567890}')));
};

any '/csv' => sub ($c) {
    require Text::CSV;
    my $csv = Text::CSV->new({binary => 1, sep_char => ';', eol => "\n"});
    if (my $file = $c->param('file')) {
        open my $in, '<', \$file->slurp;
        $csv->sep_char(',');
        return $c->render(json => $csv->getline_all($in));
    }
    $csv->combine('name', 'a;b', 3);
    $c->render(data => $csv->string, format => 'csv');
};

get '/database' => sub ($c) {
    require DBI;
    my $base = DBI->connect('dbi:SQLite:dbname=' . ($ENV{DATA} // '/data') . '/notes.db', '', '', {RaiseError => 1});
    $base->do('create table if not exists notes (title text)');
    $base->do('insert into notes values (?)', undef, 'x');
    $c->render(json => $base->selectall_arrayref('select count(*) as n, upper(title) as t from notes group by 2', {Slice => {}}));
};

get '/time' => sub ($c) {
    require Time::Piece;
    require POSIX;
    my $time = Time::Piece->strptime('2024-02-29 12:00', '%Y-%m-%d %H:%M');
    $c->render(text => join ' | ', $time->fullmonth, $time->add_years(1)->ymd, POSIX::strftime('%H:%M %Z', localtime 0));
};

get '/zone' => sub ($c) {
    require DateTime;
    require DateTime::Format::ISO8601;
    my $time = DateTime::Format::ISO8601->parse_datetime('2024-07-01T12:00:00Z');
    $time->set_time_zone($c->param('name') // 'Asia/Kolkata')->set_locale($c->param('locale') // 'de');
    $c->render(text => $time->format_cldr('EEEE, d. MMMM y HH:mm zzz'));
};

get '/encode' => sub ($c) {
    require Encode;
    require Unicode::Normalize;
    my $text = 'Grüße 日本';
    my @sizes = map { length Encode::encode($_, $text) } qw(utf-8 iso-8859-1 shiftjis euc-jp gb2312 utf-16 cp437);
    $c->render(text => join ' ', @sizes, length Unicode::Normalize::NFD($text), Encode::decode('MIME-Header', '=?UTF-8?Q?=C3=A4?='));
};

get '/unicode' => sub ($c) {
    require charnames;
    require Unicode::Collate;
    require Unicode::UCD;
    my @sorted = Unicode::Collate->new->sort(qw(z ä a));
    $c->render(text => join ' ', charnames::viacode(0xe4), @sorted, Unicode::UCD::charinfo(0x41)->{category}, fc('ẞ'), 'ä' =~ /\p{Latin}/);
};

get '/yaml' => sub ($c) {
    require YAML::XS;
    $c->render(text => YAML::XS::Dump(YAML::XS::Load("a: [1, two]\nb: ~\n")));
};

get '/xml' => sub ($c) {
    require XML::LibXML;
    my $document = XML::LibXML->load_xml(string => '<r><a n="1"/><a n="2"/></r>');
    $c->render(text => join ',', map { $_->value } $document->findnodes('//a/@n'));
};

get '/toolkit' => sub ($c) {
    require Template;
    my $out;
    Template->new->process(\"[% FOREACH n IN list %][% n | format('%03d') %] [% END %][% USE date %]", {list => [1, 2]}, \$out)
        or die Template->error;
    $c->render(text => $out);
};

get '/markdown' => sub ($c) {
    require Text::Markdown;
    $c->render(text => Text::Markdown::markdown("# Head\n\n* one\n* two"));
};

get '/digest' => sub ($c) {
    require Digest::MD5;
    require Digest::SHA;
    require MIME::Base64;
    require Crypt::Eksblowfish::Bcrypt;
    my $bcrypt = Crypt::Eksblowfish::Bcrypt::bcrypt('pw', '$2a$04$' . 'abcdefghijklmnopqrstuu');
    $c->render(text => join ' ', Digest::MD5::md5_hex('a'), Digest::SHA::sha512_base64('a'), MIME::Base64::encode_base64('a', ''), $bcrypt);
};

get '/compress' => sub ($c) {
    require IO::Compress::Gzip;
    require IO::Uncompress::AnyUncompress;
    require Compress::Zlib;
    IO::Compress::Gzip::gzip(\('text' x 100) => \my $packed);
    IO::Uncompress::AnyUncompress::anyuncompress(\$packed => \my $text);
    $c->render(text => length($text) . ' ' . length(Compress::Zlib::uncompress(Compress::Zlib::compress('x' x 50))));
};

get '/misc' => sub ($c) {
    require List::Util;
    require Data::Dumper;
    require Storable;
    require File::Temp;
    require Math::BigInt;
    require Text::Wrap;
    require Tie::File;
    require IPC::Open3;
    local $Data::Dumper::Terse = local $Data::Dumper::Indent = 1;
    my $copy = Storable::dclone({a => [List::Util::sum(1 .. 4)]});
    $c->render(text => join ' ', Data::Dumper::Dumper($copy), Math::BigInt->new(2)->bpow(70), -e File::Temp->new ? 'file' : 'none');
};

get '/own' => sub ($c) {
    require Notes::Words;
    $c->render(text => Notes::Words::count('three short words'));
};

get '/visits' => sub ($c) { $c->render(text => 'visit ' . ++$c->session->{count}) };
post '/upload' => sub ($c) { $c->render(json => {name => $c->param('file')->filename, size => $c->param('file')->size}) };
get '/fetch' => sub ($c) {
    $c->render_later;
    $c->ua->insecure(1)->get_p($c->param('url'))->then(sub ($tx) { $c->render(text => $tx->result->body) });
};
get '/dom' => sub ($c) { $c->render(text => Mojo::DOM->new('<p id="a">x<b>y</b></p>')->at('#a > b')->text) };
websocket '/echo' => sub ($c) { $c->on(message => sub ($c, $text) { $c->send("echo $text")->finish }) };
get '/broken' => sub ($c) { die "as asked\n" };

app->start;
