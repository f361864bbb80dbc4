use Mojo::Base -strict;
use Test::More;
use Test::Mojo;
use Mojo::File qw(curfile);

my $t = Test::Mojo->new(curfile->dirname->sibling('app.pl'));
$t->get_ok('/own')->status_is(200)->content_is(3);
$t->websocket_ok('/echo')->send_ok('x')->message_ok->message_is('echo x');
done_testing;
