package Notes::Words;
use strict;
use warnings;

sub count { return scalar split ' ', shift }

1;
